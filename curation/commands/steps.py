"""`curation decide-steps`: one bulk veto of the steps that a recipe calls the worst."""

from typing import Annotated

import typer

from curation.commands.output import JsonOption, ProjectArgument, answer, wrong_use
from curation.selection.saved import load_recipe
from curation.selection.select import select
from curation.selection.step_recipes import SHARE, STEP_RECIPES, StepRecipe, choose_steps
from curation.store.catalogue import open_catalogue
from curation.store.decisions import veto_steps
from curation.store.frame import frame_of
from curation.store.project import open_project
from curation.store.verdicts import VETO, verdicts_of


def decide_steps(
    project: ProjectArgument,
    recipe: Annotated[
        str, typer.Option(help="; ".join(f"{name}: {what}" for name, what in STEP_RECIPES.items()))
    ],
    share: Annotated[
        float | None,
        typer.Option(
            help=f"Share of the traces' completion tokens to veto, at most; {SHARE:g} if not given, for segments all unimportant ones."
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(help="Of the traces of a saved selection; of all that nobody vetoed if not given."),
    ] = None,
    group: Annotated[str | None, typer.Option(help="For influence: the group of queries.")] = None,
    run: Annotated[
        str | None, typer.Option(help="The run; the newest that has the steps if not given.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; the recipe's name if not given.")] = "",
    note: Annotated[str, typer.Option(help="Anything more.")] = "",
    actor: Annotated[str, typer.Option(help="Who decides.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would veto, and decide nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Veto the worst steps of many traces: they stay in, and leave the loss; one undo takes it back."""
    with wrong_use():
        asked = StepRecipe(recipe, share, group, run)
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        if selection is None:
            frame = frame_of(catalogue)
            ids = tuple(frame.names_of((verdicts_of(catalogue).codes != VETO).nonzero()[0]))
        else:
            ids = select(catalogue, load_recipe(opened, selection)).selected_ids
        chosen = choose_steps(catalogue, asked, ids)
    finally:
        catalogue.close()
    number = 0
    if not dry_run:
        number = veto_steps(
            opened, chosen.steps, reason=reason or f"{recipe} recipe", note=note, actor=actor
        ).number
    result = {
        "recipe": recipe,
        "run_id": chosen.run_id,
        "score": chosen.score,
        "steps": len(chosen.steps),
        "traces": chosen.traces,
        "considered": chosen.considered,
        "share": chosen.share,
        "highest": chosen.highest,
        "number": number,
        "dry_run": dry_run,
    }
    did = "Would veto" if dry_run else "Vetoed"
    of = f"{chosen.considered:,} of {len(ids):,} traces have steps with {chosen.score}"
    limit = "" if chosen.highest is None else f", up to a value of {chosen.highest:.3g}"
    answer(
        result,
        f"{did} {len(chosen.steps):,} steps of {chosen.traces:,} traces, {chosen.share:.1%} of the completion tokens{limit}; {of}.",
        as_json,
    )
