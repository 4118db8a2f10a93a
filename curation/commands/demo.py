"""The command that builds the demo."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curation.commands.output import JsonOption, answer, note


def demo(
    project: Annotated[Path, typer.Argument(metavar="[PROJECT]", help="Folder of the demo project.")] = Path(
        "demo-project"
    ),
    app: Annotated[bool, typer.Option("--app/--no-app", help="Open the app on it at the end.")] = False,
    port: Annotated[int, typer.Option(help="Port of the app.")] = 8501,
    as_json: JsonOption = False,
) -> None:
    """Build the offline demo: traces with planted flaws, a small model trained on them, every score."""
    from curation.commands.serve import serve
    from curation.demo.build import build_demo
    from curation.demo.proved import proved
    from curation.demo.report import planted_report
    from curation.store.catalogue import open_catalogue

    stage = [""]

    def tell(name: str, share: float | None) -> None:
        if name != stage[0]:
            stage[0] = name
            note(f"{name} ...")

    built = build_demo(project, on_progress=tell)
    catalogue = open_catalogue(built)
    try:
        report = planted_report(catalogue)
    finally:
        catalogue.close()
    ranking = report.rankings[0] if report and report.rankings else None
    found = ranking.overall if ranking else None
    text = f"The demo project is at {project}."
    if ranking and found:
        text += (
            f" Of {found.planted} planted flaws, {found.found} are among the {ranking.depth} traces lowest in "
            f"{ranking.score}; a random ranking finds {found.by_chance:.0f}."
        )
    shown = proved()
    text += f" {shown.words}"
    result = {
        "project": str(project),
        "proof": asdict(shown),
        "planted": found.planted if found else None,
        "found": found.found if found else None,
        "by_chance": found.by_chance if found else None,
        "auc": found.auc if found else None,
    }
    answer(result, text, as_json)
    if app:
        sys.stdout.flush()
        serve(project, port=port)
