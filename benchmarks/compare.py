"""The parts that compare: engines with their defaults, engines on equal terms, ours with itself, and the bare pass."""

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.bench import Bench, attempt, token_counts
from benchmarks.inputs import Inputs
from benchmarks.measure import BenchError, run
from benchmarks.ours import run_ours
from benchmarks.outcome import Outcome, agreement
from benchmarks.peer import run_peer

INFLUENCE_ONLY = ["--scores", "influence", "--steps", "none"]


def sample(traces: int) -> list[str]:
    """Options of ours that fit all of the factors on all of so many traces, as the other engines do."""
    count = str(max(2, traces))
    return ["--factor-traces", count, "--covariance-traces", count, "--stability", "1"]


def about(bench: Bench, inputs: Inputs) -> dict[str, Any]:
    """What was compared on."""
    sizes = bench.sizes
    return {"traces": sizes.traces, "queries": 2 * sizes.queries, "tokens": sum(token_counts(inputs))}


def defaults(bench: Bench) -> dict[str, Any]:
    """Ours with every score, the others with influence alone, each as it comes; and the bare pass."""
    inputs = bench.inputs(bench.sizes.traces, bench.sizes.queries)
    runs: dict[str, Callable[[], Outcome]] = {
        "ours": partial(run_ours, bench, inputs, [], "defaults"),
        "ours, influence alone": partial(run_ours, bench, inputs, INFLUENCE_ONLY, "influence"),
    }
    for engine in bench.engines:
        runs[engine] = partial(run_peer, bench, inputs, engine, [])
    outcomes, figures = attempt(runs)
    dtypes = {one.facts["dtype"] for one in outcomes.values()}
    bare = {
        dtype: bare_pass(bench, inputs, dtype, ["--only-bare", "--repeats", "1"]) for dtype in sorted(dtypes)
    }
    return {
        "settings": about(bench, inputs),
        "engines": figures,
        "bare": {dtype: found["passes"]["bare"] for dtype, found in bare.items() if "passes" in found},
        "agreement": agreement(outcomes),
    }


def matched(bench: Bench) -> dict[str, Any]:
    """Float32, factors of all traces and influence alone for every engine, with either kind of labels."""
    inputs = bench.inputs(bench.sizes.traces, bench.sizes.queries)
    equal = ["--dtype", "float32", *INFLUENCE_ONLY, *sample(bench.sizes.traces)]
    whole, data = ["--tolerance", "0"], ["--labels", "data"]
    sampled: dict[str, Callable[[], Outcome]] = {
        "ours, whole": partial(run_ours, bench, inputs, [*equal, *whole], "whole"),
        "ours, low rank": partial(run_ours, bench, inputs, equal, "low-rank"),
    }
    given: dict[str, Callable[[], Outcome]] = {
        "ours, whole": partial(run_ours, bench, inputs, [*equal, *whole, *data], "whole-data"),
        "ours, low rank": partial(run_ours, bench, inputs, [*equal, *data], "low-rank-data"),
    }
    for engine in bench.engines:
        # No options: float32, factors of all traces and sampled labels are the runners' defaults.
        sampled[engine] = partial(run_peer, bench, inputs, engine, [])
        given[engine] = partial(run_peer, bench, inputs, engine, data)
    found: dict[str, Any] = {"settings": about(bench, inputs)}
    for labels, runs in (("sampled", sampled), ("data", given)):
        outcomes, figures = attempt(runs)
        found[labels] = {"engines": figures, "agreement": agreement(outcomes)}
    return found


def against_itself(bench: Bench) -> dict[str, Any]:
    """What low rank and bfloat16 change, with factors of the same sample."""
    inputs = bench.inputs(bench.sizes.traces, bench.sizes.queries)
    same = [*INFLUENCE_ONLY, "--stability", "1"]
    variants = {
        "whole, float32": [*same, "--dtype", "float32", "--tolerance", "0"],
        "low rank, float32": [*same, "--dtype", "float32"],
        "low rank, bfloat16": [*same, "--dtype", "bfloat16"],
    }
    runs: dict[str, Callable[[], Outcome]] = {
        label: partial(run_ours, bench, inputs, options, label.replace(", ", "-").replace(" ", "-"))
        for label, options in variants.items()
    }
    outcomes, figures = attempt(runs)
    return {"settings": about(bench, inputs), "engines": figures, "agreement": agreement(outcomes)}


def over_bare(bench: Bench) -> dict[str, Any]:
    """The scoring pass over the bare pass, in either dtype."""
    inputs = bench.inputs(bench.sizes.passes, bench.sizes.queries)
    repeats = ["--repeats", str(bench.sizes.repeats)]
    return {"dtypes": {dtype: bare_pass(bench, inputs, dtype, repeats) for dtype in bench.sizes.dtypes}}


def bare_pass(bench: Bench, inputs: Inputs, dtype: str, options: list[str]) -> dict[str, Any]:
    """The figures of `benchmarks.bare`, or why there are none."""
    command = [sys.executable, "-m", "benchmarks.bare", "--model", str(bench.model), "--tokens"]
    command += [str(inputs.tokens), "--dtype", dtype, *options, "--json"]
    log = bench.work / "logs" / f"bare-{inputs.folder.name}-{dtype}.log"
    try:
        run(command, log, threads=bench.threads)
    except BenchError as error:
        return {"failed": str(error)}
    found: dict[str, Any] = json.loads(log.read_text())
    return found | {"command": bench.shown(command)}
