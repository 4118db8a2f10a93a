"""The command line: `curation COMMAND ...`."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from curation.commands import (
    audit,
    choose,
    concept,
    data,
    demo,
    duplicates,
    ensemble,
    lds,
    map,
    prove,
    push,
    rollouts,
    score,
    serve,
    steps,
    train,
    trajectory,
)
from curation.errors import CurationError

COMMANDS: dict[str, Callable[..., None]] = {
    "init": data.init,
    "ingest": data.ingest,
    "queries": data.queries,
    "train": train.train,
    "rollouts": rollouts.rollouts,
    "concept": concept.concept,
    "score": score.score,
    "trajectory": trajectory.trajectory,
    "ensemble": ensemble.ensemble,
    "map": map.make_map,
    "duplicates": duplicates.duplicates,
    "decide": choose.decide,
    "decide-steps": steps.decide_steps,
    "undo": choose.undo,
    "redo": choose.redo,
    "select": choose.select,
    "export": choose.export,
    "verify": choose.verify,
    "push": push.push,
    "validate": prove.validate,
    "trust": prove.trust,
    "lds": lds.lds,
    "audit": audit.audit,
    "drivers": audit.drivers,
    "unlearn": audit.unlearn,
    "status": data.status,
    "sql": data.sql,
    "bundle": data.bundle,
    "app": serve.app,
    "demo": demo.demo,
}
WRONG_USE, STOPPED = 2, 130

cli = typer.Typer(
    help="Decide what a reasoning model learns from.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, command in COMMANDS.items():
    cli.command(name)(command)


def main(arguments: list[str] | None = None) -> None:
    """Run one command: exit 0 on success, 1 on failure, 2 on wrong use; one sentence, a traceback only with --debug."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    with interrupts() as interrupted:
        status = command_status([argument for argument in given if argument != "--debug"], debug, interrupted)
    if status == STOPPED:
        print("Stopped; the same command continues where it was.", file=sys.stderr)
    sys.exit(status)


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Ctrl-C raises KeyboardInterrupt as ever, and is remembered.

    A library under which it lands may turn it into an error of its own (DuckDB: "RuntimeError: Query interrupted"),
    which would read as a failure of the command. The function given says whether Ctrl-C was pressed.
    """
    pressed: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def command_status(arguments: list[str], debug: bool, interrupted: Callable[[], bool]) -> int:
    """The exit status of one command; whatever goes wrong after Ctrl-C counts as the stop that was asked for."""
    try:
        status: int = cli(arguments, standalone_mode=False) or 0
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]
        status = WRONG_USE
    except (KeyboardInterrupt, typer.Abort):
        status = STOPPED
    except Exception as error:
        if interrupted():
            return STOPPED
        if debug:
            raise
        print(f"Error: {_sentence(error)}", file=sys.stderr)
        status = 1
    return status


def _sentence(error: Exception) -> str:
    if isinstance(error, CurationError):
        return str(error)
    return f"{type(error).__name__}: {error} (run again with --debug for the traceback)"


if __name__ == "__main__":
    main()
