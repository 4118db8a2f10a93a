"""What both runners share: the command line, the clock, and the two files that a run leaves."""

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.tokens import Tokens, load

STAGES = ("load", "covariances", "eigenvectors", "eigenvalues", "scores")


@dataclass(frozen=True)
class Job:
    """One run of an engine.

    Attributes:
        model: Folder of the model.
        tokens: Traces, and the groups that are asked for.
        out: Folder for scores.npz and result.json.
        dtype: "float32" or "bfloat16", that the model is held and run in.
        factor_traces: Factors are fitted on this many traces, the first ones.
        labels: "sampled" from the model (the Fisher, or Gauss-Newton matrix) or the "data" ones (the empirical Fisher).
    """

    model: Path
    tokens: Tokens
    out: Path
    dtype: str
    factor_traces: int
    labels: str


@dataclass
class Clock:
    """Wall seconds by stage; a stage inside another counts for itself only."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    _inside: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside to a stage."""
        start = time.perf_counter()
        before, self._inside = self._inside, 0.0
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[name] += elapsed - self._inside
            self._inside = before + elapsed


def parse(description: str) -> Job:
    """The command line that all runners take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--tokens", type=Path, required=True, help="tokens.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for scores.npz and result.json")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--factor-traces", type=int, help="fit factors on the first N traces (default: all)")
    parser.add_argument("--labels", choices=("sampled", "data"), default="sampled")
    parser.add_argument("--group", choices=("correct", "incorrect", "both"), default="both")
    args = parser.parse_args()
    tokens = load(args.tokens)
    names = list(tokens.groups) if args.group == "both" else [args.group]
    count = min(args.factor_traces or len(tokens.traces), len(tokens.traces))
    args.out.mkdir(parents=True, exist_ok=True)
    wanted = Tokens(tokens.traces, {name: tokens.groups[name] for name in names})
    return Job(args.model, wanted, args.out, args.dtype, count, args.labels)


def finish(
    job: Job, engine: str, clock: Clock, scores: dict[str, NDArray[np.float64]], **settings: object
) -> None:
    """Write what a run found and what it took.

    Args:
        job: The run.
        engine: Name of the distribution.
        clock: Of the run.
        scores: Group -> (P,) in the order of the traces; positive if training on the trace raises the mean
            log-likelihood of the group's completions.
        settings: What else was set, for the record.
    """
    seconds = age()
    np.savez(job.out / "scores.npz", **scores)  # type: ignore[arg-type]
    shared = {"dtype": job.dtype, "factor_traces": job.factor_traces, "labels": job.labels}
    result = {
        "engine": engine,
        "version": version(engine),
        "settings": shared | {"groups": list(scores)} | settings,
        "stages": clock.seconds,
        "total": seconds,
        "peak_rss_bytes": peak(),
    }
    (job.out / "result.json").write_text(json.dumps(result, indent=2) + "\n")


def age() -> float:
    """Seconds since this process was started, the interpreter's start and all imports included; Linux only."""
    # The fields after the command's name, which is in brackets and may have spaces: the 20th is the start, in ticks.
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def peak() -> int:
    """Bytes of the largest resident set, of this process or of a child that ended.

    ru_maxrss starts at the size of whoever started the process, so a large parent would be counted; VmHWM does not.
    """
    own = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    return 1024 * max(int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
