"""The command line: `curation COMMAND ...`."""

import sys
from collections.abc import Callable

import typer

from curation.commands import choose, compute, data, prove, serve
from curation.errors import CurationError

COMMANDS: dict[str, Callable[..., None]] = {
    "init": data.init,
    "ingest": data.ingest,
    "queries": data.queries,
    "train": compute.train,
    "rollouts": prove.rollouts,
    "score": compute.score,
    "map": compute.make_map,
    "decide": choose.decide,
    "undo": choose.undo,
    "select": choose.select,
    "export": choose.export,
    "verify": choose.verify,
    "validate": prove.validate,
    "status": data.status,
    "sql": data.sql,
    "bundle": data.bundle,
    "app": serve.app,
    "demo": compute.demo,
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
    try:
        status = cli([argument for argument in given if argument != "--debug"], standalone_mode=False) or 0
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]
        status = WRONG_USE
    except (KeyboardInterrupt, typer.Abort):
        status = STOPPED
    except CurationError as error:
        if debug:
            raise
        print(f"Error: {error}", file=sys.stderr)
        status = 1
    except Exception as error:
        if debug:
            raise
        print(
            f"Error: {type(error).__name__}: {error} (run again with --debug for the traceback)",
            file=sys.stderr,
        )
        status = 1
    if status == STOPPED:
        print("Stopped; the same command continues where it was.", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
