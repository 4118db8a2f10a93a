"""How far a run is: told to the caller, and written to a file that the app polls."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

WRITE_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """A moment of a run.

    Attributes:
        stage: What is being done, in words.
        done: Work done in this stage, in the stage's own unit: characters, tokens or layers.
        total: All the work of this stage.
        tokens_per_second: Speed over this stage so far; 0 before the first batch.
        seconds_left: Estimate for this stage; None before there is one.
    """

    stage: str
    done: float
    total: float
    tokens_per_second: float
    seconds_left: float | None


OnProgress = Callable[[Progress], None]


class Reporter:
    """Counts work and passes it on: to a callback at once, and to a file twice a second."""

    def __init__(self, path: Path | None = None, on_progress: OnProgress | None = None) -> None:
        self._path = path
        self._on_progress = on_progress
        self._written = 0.0
        self.timings: dict[str, float] = {}
        self.start("loading", 0)

    def start(self, stage: str, total: float, done: float = 0) -> None:
        """Begin a stage; `done` of it was there from an earlier try."""
        self._stage, self._total, self._done, self._resumed, self._tokens = stage, total, done, done, 0
        self._began = time.monotonic()
        self._tell(force=True)

    @property
    def done(self) -> float:
        """Work done in this stage."""
        return self._done

    def reach(self, done: float) -> None:
        """So much of the stage's work is done in all, whatever had been counted."""
        self._done = done
        self._tell()

    def advance(self, work: float, tokens: int = 0) -> None:
        """Some of the stage's work is done, and so many tokens were gone through for it."""
        self._done += work
        self._tokens += tokens
        self._tell()

    def finish(self) -> None:
        """The stage is over: keep its time."""
        self._done = self._total
        self.timings[self._stage] = self.timings.get(self._stage, 0.0) + time.monotonic() - self._began
        self._tell(force=True)

    def _tell(self, force: bool = False) -> None:
        now = time.monotonic()
        elapsed = max(now - self._began, 1e-9)
        fresh = self._done - self._resumed
        left = elapsed * (self._total - self._done) / fresh if fresh > 0 else None
        speed = self._tokens / elapsed if self._tokens else 0.0
        progress = Progress(self._stage, self._done, self._total, speed, left)
        if self._on_progress:
            self._on_progress(progress)
        if self._path and (force or now - self._written > WRITE_EVERY_SECONDS):
            part = self._path.with_suffix(".tmp")
            part.write_text(json.dumps(asdict(progress)))
            part.replace(self._path)
            self._written = now
