"""The command that finds near-duplicates."""

from dataclasses import asdict
from typing import Annotated

import typer

from curation.commands.output import JsonOption, ProjectArgument, answer, progress_bar
from curation.store.project import open_project


def duplicates(
    project: ProjectArgument,
    threshold: Annotated[
        float, typer.Option(min=0.1, max=1.0, help="Share of their shingles that two traces have in common.")
    ] = 0.8,
    seed: Annotated[int, typer.Option(min=0, help="Of the permutations that propose what is compared.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Group traces that share most of their words, for keeping the best of each group."""
    from curation.scoring.near_duplicates import find_near_duplicates

    with progress_bar() as tell:
        found = find_near_duplicates(open_project(project), threshold=threshold, seed=seed, on_progress=tell)
    text = f"Of {found.traces:,} traces, {found.near_duplicates:,} are near-duplicates, in {found.groups:,} groups."
    answer(asdict(found), text, as_json)
