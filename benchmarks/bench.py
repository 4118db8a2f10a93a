"""What all parts of the benchmark share: paths, sizes, how a run is shown, where its figures go."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.inputs import Inputs, write_inputs
from benchmarks.measure import ROOT, BenchError, hardware, now, versions
from benchmarks.outcome import Outcome

PLACES = {"--model": "MODEL", "--data": "DATA", "--peers": "PYTHON", "--work": "WORK", "--out": "OUT"}


@dataclass(frozen=True)
class Sizes:
    """How much is run.

    Attributes:
        traces: Of the comparisons.
        queries: A group; there are two groups.
        pool: Numbers of traces for the scaling in traces.
        fixed: Traces for the scaling in anything else.
        asked: Numbers of queries a group for the scaling in queries.
        passes: Traces for the bare pass.
        repeats: Of the bare pass and of what it is compared with.
        dtypes: That they are run in.
    """

    traces: int = 256
    queries: int = 32
    pool: tuple[int, ...] = (32, 128, 512)
    fixed: int = 128
    asked: tuple[int, ...] = (4, 32, 128)
    passes: int = 64
    repeats: int = 5
    dtypes: tuple[str, ...] = ("float32", "bfloat16")


QUICK = Sizes(32, 8, (8, 16, 32), 16, (2, 8, 32), 16, 3, ("bfloat16",))


@dataclass(frozen=True)
class Bench:
    """One call of the benchmark.

    Attributes:
        model: Folder of the model.
        data: Folder of GSM8K.
        work: Folder for projects, logs and the compared engines' finished runs, which are not run twice.
        out: Folder for the figures.
        peers: Python of the environment with the compared engines; None leaves them out.
        engines: Which of the compared engines run.
        threads: Of linear algebra, for every engine.
        sizes: How much is run.
        quick: Whether this is the small version, whose figures have a name of their own.
        note: What a reader of the figures should know.
    """

    model: Path
    data: Path
    work: Path
    out: Path
    peers: Path | None
    engines: tuple[str, ...]
    threads: int
    sizes: Sizes
    quick: bool
    note: str

    def inputs(self, traces: int, queries: int) -> Inputs:
        """Traces and queries in a folder of their own; the same again if they are there."""
        folder = self.work / f"inputs-{traces}-{queries}"
        found = Inputs(folder)
        return (
            found
            if found.tokens.exists()
            else write_inputs(folder, self.model, self.data, traces=traces, queries=queries)
        )

    def shown(self, command: list[str]) -> str:
        """A command without this machine's paths."""
        return self.hidden(" ".join(["python", *command[1:]]))

    def hidden(self, text: str) -> str:
        """A text with placeholders for this machine's paths, the longest first."""
        names = {self.model: "MODEL", self.data: "DATA", self.work: "WORK", self.out: "OUT", ROOT: "."}
        if self.peers:
            names[self.peers] = "PYTHON"
        for path, name in sorted(names.items(), key=lambda item: -len(str(item[0]))):
            text = text.replace(str(path), name)
        return text

    def write(self, part: str, figures: dict[str, Any]) -> dict[str, Any]:
        """Write a part's figures, with what they were measured on.

        Returns:
            All that was written.
        """
        about = {
            "part": part,
            "quick": self.quick,
            "date": now(),
            "note": self.note,
            "command": f"python -m benchmarks.engine {called()} --only {part}",
            "hardware": hardware(self.threads),
            "versions": versions(),
            "model": self.model.name,
        }
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"engine-{part}{'-quick' if self.quick else ''}.json"
        path.write_text(self.hidden(json.dumps(about | figures, indent=2)) + "\n")
        return about | figures


def called() -> str:
    """The options that this benchmark was called with, with placeholders for paths, without --only."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for name in PLACES:
        parser.add_argument(name)
    parser.add_argument("--only")
    parser.add_argument("--note")
    given, rest = parser.parse_known_args()
    words = [f"{name} {word}" for name, word in PLACES.items() if getattr(given, name.removeprefix("--"))]
    return " ".join([*words, *rest])


def token_counts(inputs: Inputs) -> list[int]:
    """Tokens of each trace."""
    return [len(trace["ids"]) for trace in json.loads(inputs.tokens.read_text())["traces"]]


def attempt(runs: dict[str, Callable[[], Outcome]]) -> tuple[dict[str, Outcome], dict[str, Any]]:
    """Run one after another; one that fails does not take the others' figures with it.

    Returns:
        The outcomes of those that went well, and the figures of all.
    """
    outcomes: dict[str, Outcome] = {}
    figures: dict[str, Any] = {}
    for label, call in runs.items():
        try:
            outcomes[label] = call()
            figures[label] = outcomes[label].figures
        except BenchError as error:
            figures[label] = {"failed": str(error)}
    return outcomes, figures
