"""What every command shares: its project, its progress bar, and its answer in words or as JSON."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from curation.errors import CurationError
from curation.scoring.progress import Progress as Moment

ProjectArgument = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def answer(result: dict[str, Any], text: str, as_json: bool) -> None:
    """Print what a command found: one JSON object, or words for people."""
    print(json.dumps(result, ensure_ascii=False, default=str) if as_json else text, file=sys.stdout)


def answer_run(run_id: str, already_there: bool, notes: list[str], as_json: bool) -> None:
    """Say which run a command made, or that one had answered the same before."""
    words = f"Run {run_id} had answered this before." if already_there else f"Run {run_id} is published."
    result = {"run_id": run_id, "already_there": already_there, "notes": notes}
    answer(result, " ".join([words, *notes]), as_json)


def note(text: str) -> None:
    """Say something on the way, on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def wrong_use() -> Iterator[None]:
    """Arguments that a function of ours refuses are wrong use of the command (exit 2)."""
    try:
        yield
    except CurationError as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def progress_bar() -> Iterator[Callable[[Moment], None]]:
    """A bar on stderr, with tokens a second and the time left; gives a function to tell it how far a run is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def tell(moment: Moment) -> None:
            if moment.stage not in tasks:
                for before in bar.task_ids:
                    bar.stop_task(before)
                tasks[moment.stage] = bar.add_task(moment.stage, total=moment.total or None, speed="")
            speed = f"{moment.tokens_per_second:,.0f} tokens/s" if moment.tokens_per_second else ""
            bar.update(tasks[moment.stage], completed=moment.done, total=moment.total or None, speed=speed)

        yield tell


def table_text(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """A plain text table; control characters of a trace are shown as escapes, so that they cannot drive a terminal."""
    texts = [columns, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[i]) for line in texts) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in texts
    )


def _cell(value: Any) -> str:
    text = "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= 80 else text[:77] + "..."
