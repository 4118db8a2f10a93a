"""Commands that choose: decide, undo, redo, select, export, verify."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.commands.output import JsonOption, ProjectArgument, answer, wrong_use
from curation.errors import ExportError, ProjectError
from curation.export.contents import POLICIES
from curation.export.formats import FORMATS
from curation.export.verify import verify as verify_export
from curation.export.write import export as write_export
from curation.selection.recipes import RECIPES, Recipe
from curation.selection.saved import save_selection
from curation.selection.select import select as make_selection
from curation.store import decisions
from curation.store.catalogue import open_catalogue
from curation.store.project import open_project
from curation.traces.steps import split_steps


def decide(
    project: ProjectArgument,
    verdict: Annotated[str, typer.Argument(help="keep, veto or undecided.")],
    trace_ids: Annotated[list[str], typer.Argument(help="One or more trace ids.")],
    reason: Annotated[str, typer.Option(help="Why, in a word or two.")] = "",
    note: Annotated[str, typer.Option(help="Anything more.")] = "",
    actor: Annotated[str, typer.Option(help="Who decides.")] = "",
    step: Annotated[
        int | None,
        typer.Option(
            min=1, help="Only this step of one trace, as the reader numbers them: it leaves the loss."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record a verdict on traces, or on one step of a trace; one undo takes it back."""
    if verdict not in ("keep", "veto", "undecided"):
        raise typer.BadParameter(f"{verdict!r} is no verdict; use keep, veto or undecided.")
    if step and (len(trace_ids) > 1 or verdict == "keep"):
        raise typer.BadParameter("--step takes one trace, and veto or undecided.")
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        known: dict[str, str] = dict(
            catalogue.rows(
                "SELECT trace_id, response FROM traces WHERE trace_id IN (SELECT unnest($1))", [trace_ids]
            )
        )
    finally:
        catalogue.close()
    if missing := [trace_id for trace_id in trace_ids if trace_id not in known]:
        raise ProjectError(f"There is no trace {missing[0]} in {project}; nothing was decided.")
    span = _span(known[trace_ids[0]], step) if step else None
    done = decisions.decide(opened, trace_ids, verdict, reason=reason, note=note, actor=actor, step=span)  # type: ignore[arg-type]
    what = f"step {step} of {trace_ids[0]}" if step else f"{done.traces:,} traces"
    answer(asdict(done), f"{verdict}: {what} (decision {done.number}).", as_json)


def _span(response: str, step: int) -> tuple[int, int]:
    """Start and stop of a step, counted from 1."""
    spans = split_steps(response)
    if step > len(spans):
        raise ProjectError(
            f"The trace has {len(spans)} steps, and none of number {step}; nothing was decided."
        )
    return spans[step - 1]


def undo(
    project: ProjectArgument,
    actor: Annotated[str | None, typer.Option(help="Only steps of this reviewer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Take the last decision back, single or bulk."""
    done = decisions.undo(open_project(project), actor=actor)
    text = (
        f"Took back a decision on {done.traces:,} traces."
        if done.traces
        else "There is nothing to take back."
    )
    answer(asdict(done), text, as_json)


def redo(
    project: ProjectArgument,
    actor: Annotated[str | None, typer.Option(help="Only steps of this reviewer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring back what the last undo took, if nothing was decided since."""
    done = decisions.redo(open_project(project), actor=actor)
    text = (
        f"Brought back a decision on {done.traces:,} traces."
        if done.traces
        else "Nothing was taken back since the last decision."
    )
    answer(asdict(done), text, as_json)


def select(
    project: ProjectArgument,
    recipe: Annotated[str, typer.Option(help="; ".join(f"{name}: {what}" for name, what in RECIPES.items()))],
    keep: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the traces to keep (0.5 if nothing is given)."),
    ] = None,
    count: Annotated[int | None, typer.Option(min=0, help="Number of traces to keep.")] = None,
    name: Annotated[str | None, typer.Option(help="Save under this name; the recipe's if not given.")] = None,
    score: Annotated[
        str | None,
        typer.Option(
            help="For top, bottom and mid: the score; for rank-average: some of them, as in influence/gold+-perplexity."
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="For influence, influence-consensus, medium and rds+: the group of queries."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="The run; the newest that has the scores if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="For random.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Choose traces by a recipe, then by your decisions, and save the choice under a name."""
    with wrong_use():
        chosen = Recipe(recipe, run_id=run, keep=keep, count=count, score=score, group=group, seed=seed)
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        made = make_selection(catalogue, chosen)
    finally:
        catalogue.close()
    saved = name or chosen.name
    save_selection(opened, saved, made.recipe)
    held = made.counts
    share = held.kept / held.traces if held.traces else 0.0
    text = (
        f"{saved} keeps {held.kept:,} of {held.traces:,} traces ({share:.1%}); "
        f"{held.vetoed_by_hand:,} vetoed and {held.kept_by_hand:,} kept by hand, {held.not_scored:,} not scored."
    )
    result: dict[str, Any] = {
        "name": saved,
        "recipe": asdict(made.recipe),
        **asdict(held),
        "decision": made.decision_number,
    }
    answer(result, text, as_json)


def export(
    project: ProjectArgument,
    selection: Annotated[str, typer.Option(help="A saved selection.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    format: Annotated[
        str, typer.Option(help=f"{', '.join(FORMATS)}; the project's, or else {FORMATS[0]}, if not given.")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    masked: Annotated[
        str, typer.Option(help="Traces with vetoed steps, if the format cannot carry that: refuse or drop.")
    ] = "refuse",
    as_json: JsonOption = False,
) -> None:
    """Write a selection to a file, with a manifest and a card beside it."""
    opened = open_project(project)
    format = format or opened.defaults.export_format or FORMATS[0]
    if format not in FORMATS:
        raise typer.BadParameter(f"{format!r} is no format; use one of {', '.join(FORMATS)}.")
    if masked not in POLICIES:
        raise typer.BadParameter(f"{masked!r} is neither refuse nor drop.")
    manifest = write_export(opened, selection, format, output, overwrite=overwrite, masked=masked)
    answer(
        {"file": str(output), **asdict(manifest)},
        f"Wrote {manifest.rows:,} traces to {output}.",
        as_json,
    )


def verify(
    path: Annotated[Path, typer.Argument(help="An export.")],
    project: Annotated[Path | None, typer.Option(help="Its project, if that has moved.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Derive an export again from its project and compare, byte by byte."""
    found = verify_export(path, open_project(project) if project else None)
    failed = [check for check in found.checks if not check.ok]
    checks = [check._asdict() for check in found.checks]
    answer({"ok": found.ok, "checks": checks}, "\n".join(_line(*check) for check in found.checks), as_json)
    if failed:
        raise ExportError(f"{path} does not verify: {failed[0].detail}")


def _line(what: str, ok: bool, detail: str) -> str:
    return f"{'ok  ' if ok else 'FAIL'}  {what}: {detail}"
