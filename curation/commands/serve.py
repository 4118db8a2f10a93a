"""The command that opens the app."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from curation.commands.output import ProjectArgument, note
from curation.errors import ProjectError
from curation.store.project import open_project

ROOT = Path(__file__).resolve().parents[2]
LOCAL, EVERYWHERE = ("localhost", "127.0.0.1", "::1"), ("0.0.0.0", "::")


def app(
    project: ProjectArgument,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on; anything but localhost lets others in.")
    ] = "localhost",
) -> None:
    """Open the app on a project, at http://localhost:8501."""
    open_project(project)
    serve(project, port=port, address=address)


def serve(project: Path, *, port: int = 8501, address: str = "localhost") -> None:
    """Run Streamlit on a project until it is stopped.

    Raises:
        ProjectError: The app's pages are not where this package was installed from.
    """
    script = ROOT / "app.py"
    if not script.exists():
        raise ProjectError(
            f"{script} is not there; install curation from its checkout (pip install -e .) to have the app."
        )
    note(f"The app is at http://{address}:{port}; Ctrl-C stops it.")
    options = [f"--server.port={port}", f"--server.address={address}"]
    if address not in LOCAL:  # the configuration lets only local names in, against DNS rebinding
        options.append(f"--server.allowedHosts={'*' if address in EVERYWHERE else address}")
    status = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", str(script), *options, "--", str(project.resolve())],
        cwd=ROOT,
        check=False,
    ).returncode
    if status not in (0, -2, 130):
        raise ProjectError(
            f"The app stopped with status {status}; is port {port} taken? Choose another with --port."
        )
