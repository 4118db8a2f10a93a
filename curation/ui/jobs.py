"""Long work is a process of its own, on the command line; the app starts, watches and stops it."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st

from curation.store.project import Project


@dataclass(frozen=True)
class Job:
    """One process that this app started.

    Attributes:
        kind: Its command: "score", "map", ...
        log: What it prints.
        process: The process.
    """

    kind: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def cancel(self) -> None:
        """Ask it to stop cleanly, as Ctrl-C does; the same command continues it later."""
        if self.running:
            self.process.send_signal(signal.SIGINT)

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return tail(self.log, lines)


@dataclass(frozen=True)
class Progress:
    """What a scoring job says of itself; `done` and `total` are in the stage's own units."""

    run_id: str
    stage: str
    done: float
    total: float
    tokens_per_second: float | None
    seconds_left: float | None
    age: float

    @property
    def share(self) -> float:
        """Part of the stage that is done, 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total else 0.0


def start(project: Project, kind: str, *arguments: str) -> Job:
    """Start `curation KIND PROJECT ...` for this project and keep it as the project's job."""
    log = project.root / "logs" / f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "curation.cli", kind, str(project.root), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    job = Job(kind, log, process)
    _jobs()[str(project.root.resolve())] = job
    return job


def job_of(project: Project) -> Job | None:
    """The last job that this app started for a project, running or ended."""
    return _jobs().get(str(project.root.resolve()))


def forget(project: Project) -> None:
    """Let go of a job that has ended."""
    _jobs().pop(str(project.root.resolve()), None)


def unfinished(project: Project) -> list[Progress]:
    """Scoring jobs in the project's folder that are not published yet, whoever started them."""
    found = [_progress(path) for path in sorted(project.root.glob("runs/*.part/progress.json"))]
    return [progress for progress in found if progress]


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file, as a terminal would show them after all overwriting."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 20_000))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    shown = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").splitlines()]
    return "\n".join([line for line in shown if line.strip()][-lines:])


def command_line(kind: str, project: Project, arguments: Sequence[str]) -> str:
    """The same command for a terminal."""
    return subprocess.list2cmdline(["curation", kind, str(project.root), *arguments])


@st.cache_resource(show_spinner=False)
def _jobs() -> dict[str, Job]:
    """Jobs of this server, by project: they outlive a closed tab."""
    return {}


def _progress(path: Path) -> Progress | None:
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        age = datetime.now().timestamp() - path.stat().st_mtime
        return Progress(
            path.parent.name.removesuffix(".part"),
            str(said["stage"]),
            float(said["done"]),
            float(said["total"]),
            said.get("tokens_per_second"),
            said.get("seconds_left"),
            age,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
