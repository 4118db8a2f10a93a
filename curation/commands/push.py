"""The command that sends a finished export away: push."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curation.commands.output import JsonOption, answer, wrong_use
from curation.export.push import check_repo
from curation.export.push import push as push_export
from curation.store.project import open_project


def push(
    path: Annotated[Path, typer.Argument(help="An export.")],
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="The dataset on the hub; made if need be.")
    ],
    public: Annotated[bool, typer.Option("--public", help="Everyone may read it.")] = False,
    project: Annotated[Path | None, typer.Option(help="Its project, if that has moved.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify an export, then put it, its manifest and its card on the Hugging Face hub, with the token in HF_TOKEN."""
    with wrong_use():
        check_repo(repo)
    done = push_export(path, repo, private=not public, project=open_project(project) if project else None)
    seen = "private" if done.private else "public"
    answer(asdict(done), f"Pushed {done.rows:,} traces to {done.url} ({seen}).", as_json)
