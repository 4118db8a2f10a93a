"""The command that puts runs together."""

from typing import Annotated

import typer

from curation.commands.output import JsonOption, ProjectArgument, answer
from curation.store.project import open_project


def ensemble(
    project: ProjectArgument,
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN ...", help="Ids of two or more runs.")],
    as_json: JsonOption = False,
) -> None:
    """Publish the mean of several runs as a run of its own: scores by reference models that differ by their seed."""
    from curation.scoring.ensemble import ensemble as put_together

    done = put_together(open_project(project), runs)
    result = {"run_id": done.run_id, "already_there": done.already_there, "notes": done.notes}
    words = f"Run {done.run_id} {'had been made before' if done.already_there else 'is published'}."
    answer(result, " ".join([words, *done.notes]), as_json)
