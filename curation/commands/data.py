"""Commands that bring data in and read it out: init, ingest, queries, status, sql, bundle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curation.commands.output import JsonOption, ProjectArgument, answer, note, table_text
from curation.selection.saved import list_selections, selections_table
from curation.store.catalogue import open_catalogue
from curation.store.ingest import ingest as ingest_source
from curation.store.overview import counts, runs
from curation.store.project import create_project, open_project
from curation.store.queries import add_queries
from curation.store.sql import bundle as write_bundle
from curation.store.sql import run_sql
from curation.traces.rows import Unreadable
from curation.traces.shapes import Fields

PromptField = Annotated[
    str | None, typer.Option(help="Column that holds the prompt; recognised if not given.")
]
ResponseField = Annotated[str | None, typer.Option(help="Column that holds the response or completion.")]
AnswerField = Annotated[str | None, typer.Option(help="Column that holds the final answer alone.")]
Split = Annotated[str | None, typer.Option(help="Split of a dataset.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.")]


def init(
    project: ProjectArgument,
    name: Annotated[
        str | None, typer.Option(help="Name shown in the app; the folder's if not given.")
    ] = None,
    template: Annotated[
        str, typer.Option(help="How a prompt becomes text: auto, plain, or a text with {prompt}.")
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Make a new, empty project."""
    made = create_project(project, name=name, template=template)
    answer({"project": str(project), "name": made.name}, f"Project {made.name} is at {project}.", as_json)


def ingest(
    project: ProjectArgument,
    source: Annotated[
        str, typer.Argument(help="A JSONL or Parquet file, a saved dataset's folder, or a hub id.")
    ],
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    answer_field: AnswerField = None,
    split: Split = None,
    limit: Limit = None,
    as_json: JsonOption = False,
) -> None:
    """Bring traces in; the same rows again change nothing, unreadable rows are kept and counted."""
    done = ingest_source(
        open_project(project),
        source,
        fields=Fields(prompt_field, response_field, answer_field),
        split=split,
        limit=limit,
        on_progress=lambda rows: note(f"{rows:,} rows read"),
    )
    text = done.message
    if 0 < done.rejected < done.read:
        text += f" The first rejected: {done.first_reason}"
    answer(asdict(done), text, as_json)


def queries(
    project: ProjectArgument,
    file: Annotated[
        str, typer.Argument(help="Prompts with a completion each, optionally is_correct or token_weights.")
    ],
    group: Annotated[str | None, typer.Option(help="Name of the group; left out, is_correct tells.")] = None,
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    split: Split = None,
    limit: Limit = None,
    as_json: JsonOption = False,
) -> None:
    """Add completions whose likelihood counts, as a named group; `--limit` is per group."""
    rejected: list[Unreadable] = []
    added = add_queries(
        open_project(project),
        file,
        group=group,
        fields=Fields(prompt_field, response_field),
        split=split,
        limit=limit,
        on_rejected=rejected.append,
    )
    text = "Added " + ", ".join(f"{count:,} to {name}" for name, count in sorted(added.items())) + "."
    if rejected:
        text += f" {len(rejected):,} rows are no query; the first: line {rejected[0].number}: {rejected[0].reason}"
    result = {
        "added": added,
        "rejected": [{"line": one.number, "reason": one.reason} for one in rejected],
    }
    answer(result, text, as_json)


def status(project: ProjectArgument, as_json: JsonOption = False) -> None:
    """What the project holds: traces, queries, runs, maps, decisions, selections."""
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        held = asdict(counts(catalogue))
        groups = dict(catalogue.rows('SELECT "group", count(*) FROM queries GROUP BY ALL ORDER BY 1'))
        finished = [
            {"run_id": run.run_id, "model": run.model, "unscored": run.unscored} for run in runs(catalogue)
        ]
    finally:
        catalogue.close()
    result = {
        "name": opened.name,
        **held,
        "queries": groups,
        "runs": finished,
        "unfinished_runs": sorted(path.stem for path in (project / "runs").glob("*.part") if path.is_dir()),
        "maps": [path.stem for path in opened.maps],
        "selections": list_selections(opened),
        "problems": catalogue.problems,
    }
    lines = [f"{name}: {_words(value)}" for name, value in result.items()]
    answer(result, "\n".join(lines), as_json)


def sql(
    project: ProjectArgument,
    query: Annotated[
        str, typer.Argument(help="One SELECT over traces, scores, steps, decisions, selections, ...")
    ],
    as_json: JsonOption = False,
) -> None:
    """Run one SELECT over everything in the project, read-only; with --json, an array of row objects."""
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        if "selections" in query.lower():
            catalogue.add_table("selections", selections_table(opened, catalogue))
        found = run_sql(catalogue, query)
    finally:
        catalogue.close()
    for problem in catalogue.problems:
        note(problem)
    if as_json:
        print(json.dumps(found.to_pylist(), ensure_ascii=False, default=str))
    else:
        rows = [tuple(row.values()) for row in found.to_pylist()]
        print(table_text(found.column_names, rows))


def bundle(
    project: ProjectArgument,
    out: Annotated[Path, typer.Argument(help="The DuckDB file to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write the whole project into one portable DuckDB file."""
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        catalogue.add_table("selections", selections_table(opened, catalogue))
        write_bundle(catalogue, out)
    finally:
        catalogue.close()
    answer({"file": str(out), "bytes": out.stat().st_size}, f"Wrote {out}.", as_json)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(held)}" for name, held in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_words(one) for one in value) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
