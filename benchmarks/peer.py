"""One run of a compared engine, by its runner in `benchmarks/peers`, with the Python of its own environment."""

import json
import shutil
import sys

import numpy as np

from benchmarks.bench import Bench
from benchmarks.inputs import Inputs
from benchmarks.measure import BenchError, now, run
from benchmarks.outcome import Outcome

ENGINES = ("kronfluence", "bergson")


def run_peer(bench: Bench, inputs: Inputs, engine: str, options: list[str]) -> Outcome:
    """Score with a compared engine; a run that the working folder has already, by the same command, is taken.

    Args:
        bench: The call.
        inputs: Traces and queries.
        engine: One of `ENGINES`.
        options: Of the runner, beside model, tokens and out.

    Raises:
        BenchError: It failed, or there is no environment for it.
    """
    if bench.peers is None:
        raise BenchError("not run: no --peers")
    words = "-".join(word.removeprefix("--") for word in options)
    folder = bench.work / "peers" / "-".join(filter(None, [engine, inputs.folder.name, words]))
    command = [str(bench.peers), "-m", f"benchmarks.peers.{engine}_run", "--model", str(bench.model)]
    command += ["--tokens", str(inputs.tokens), "--out", str(folder), *options]
    before = folder / "outcome.json"
    if before.exists() and (found := Outcome.load(before)).command == bench.shown(command):
        print(f"{engine}: taken from {found.date}", file=sys.stderr)
        return found
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    measured = run(command, bench.work / "logs" / f"{folder.name}.log", threads=bench.threads)
    result = json.loads((folder / "result.json").read_text())
    with np.load(folder / "scores.npz") as file:
        scores = {name: file[name].tolist() for name in file.files}
    facts = {"version": result["version"], **result["settings"]}
    outcome = Outcome(engine, bench.shown(command), now(), measured, result["stages"], scores, facts)
    outcome.save(before)
    return outcome
