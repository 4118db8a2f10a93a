"""The command that draws the map."""

from typing import Annotated

import typer

from curation.commands.output import JsonOption, ProjectArgument, answer
from curation.store.project import open_project


def make_map(
    project: ProjectArgument,
    run: Annotated[str | None, typer.Option(help="Whose embeddings; the newest run's if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Of layout and clusters.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Lay a run's embeddings out with UMAP and cluster them."""
    from curation.scoring.map import make_map as lay_out

    made = lay_out(open_project(project), run_id=run, seed=seed)
    text = f"Mapped {made.traces:,} traces of run {made.run_id} in {made.clusters} clusters."
    answer(vars(made), text, as_json)
