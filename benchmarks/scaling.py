"""How our cost grows: with traces, tokens a trace, queries, and the size of the model."""

import json
import shutil
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench import Bench, attempt, token_counts
from benchmarks.inputs import Inputs
from benchmarks.ours import run_ours
from benchmarks.outcome import Outcome

# Stages whose work grows with the pool for ever; the factors' sample stops growing at --factor-traces.
OF_THE_POOL = ("scoring", "steps", "publishing")
# Layers and widths of the smaller models, as shares of the model's own.
SHARES = {"half the layers, two thirds of the width": (0.5, 2 / 3), "half the layers": (0.5, 1.0)}

Row = dict[str, Any]


def scaling(bench: Bench) -> dict[str, Any]:
    """All four, ours with its defaults."""
    by_traces = in_traces(bench)
    return {
        "traces": by_traces,
        "line": line(by_traces),
        "tokens": in_tokens(bench),
        "queries": in_queries(bench),
        "models": in_models(bench),
    }


def in_traces(bench: Bench) -> list[Row]:
    """More and more traces, the same queries."""
    rows = []
    for count in bench.sizes.pool:
        inputs = bench.inputs(count, bench.sizes.queries)
        rows.append({"traces": count} | measured(bench, inputs))
    return rows


def line(rows: list[Row]) -> Row:
    """Least squares through the totals, weighted by 1 / total: what is fixed, and what a trace takes.

    `by_line` is the share of the largest run that the line has at no traces. `by_stage` is the share of all stages
    but the pool's: that counts the factors, whose sample grows with small pools, as fixed.
    """
    good = [row for row in rows if "failed" not in row]
    if len(good) < 2:
        return {}
    counts = np.array([row["tokens"] for row in good], dtype=float)
    seconds, cpu = (np.array([row[name] for row in good]) for name in ("seconds", "cpu_seconds"))
    found: Row = {}
    for name, totals in (("seconds", seconds), ("cpu_seconds", cpu)):
        slope, fixed = np.polyfit(counts, totals, 1, w=1 / totals)
        relative = np.abs(slope * counts + fixed - totals) / totals
        found[name] = {
            "fixed": float(fixed),
            "a_thousand_tokens": float(1000 * slope),
            "by_line": float(fixed / totals[-1]),
            "worst_distance": float(relative.max()),
        }
    pool = sum(good[-1]["stages"].get(stage, 0.0) for stage in OF_THE_POOL)
    return found | {"by_stage": 1 - pool / good[-1]["seconds"], "traces": good[-1]["traces"]}


def in_tokens(bench: Bench) -> list[Row]:
    """The shorter and the longer half of twice as many traces, the same queries."""
    pool = bench.inputs(2 * bench.sizes.fixed, bench.sizes.queries)
    counts = token_counts(pool)
    order = sorted(range(len(counts)), key=lambda index: (counts[index], index))
    rows = []
    for name, half in (("shorter", order[: len(order) // 2]), ("longer", order[len(order) // 2 :])):
        inputs = part_of(pool, half, pool.folder.with_name(f"{pool.folder.name}-{name}"))
        row = {"half": name, "tokens_a_trace": sum(counts[index] for index in half) / len(half)}
        rows.append(row | measured(bench, inputs))
    return rows


def part_of(inputs: Inputs, chosen: list[int], folder: Path) -> Inputs:
    """Some of the traces, with the same queries."""
    folder.mkdir(parents=True, exist_ok=True)
    part = Inputs(folder)
    lines = inputs.traces.read_text().splitlines(keepends=True)
    part.traces.write_text("".join(lines[index] for index in sorted(chosen)))
    shutil.copy(inputs.queries, part.queries)
    tokens = json.loads(inputs.tokens.read_text())
    tokens["traces"] = [tokens["traces"][index] for index in sorted(chosen)]
    part.tokens.write_text(json.dumps(tokens))
    return part


def in_queries(bench: Bench) -> list[Row]:
    """More and more queries, the same traces."""
    rows = []
    for count in bench.sizes.asked:
        inputs = bench.inputs(bench.sizes.fixed, count)
        rows.append({"queries": 2 * count} | measured(bench, inputs))
    return rows


def in_models(bench: Bench) -> list[Row]:
    """Smaller models of the same family and vocabulary, with random weights, and the model itself."""
    inputs = bench.inputs(bench.sizes.fixed, bench.sizes.queries)
    rows = []
    for name, (layers, width) in SHARES.items():
        folder, weights = smaller(bench, layers, width)
        rows.append({"model": name, "parameters": weights} | measured(bench, inputs, folder))
    return [*rows, {"model": "all of it"} | measured(bench, inputs)]


def smaller(bench: Bench, layers: float, width: float) -> tuple[Path, int]:
    """Make a model with a share of the layers, and of the heads and widths; its weights are random.

    Returns:
        Its folder, and how many parameters it has.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = bench.work / "models" / f"model-{layers:.2f}-{width:.2f}"
    config = AutoConfig.from_pretrained(bench.model)
    heads, shared = config.num_attention_heads, config.num_key_value_heads
    config.head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    config.num_key_value_heads = max(1, round(shared * width))
    config.num_attention_heads = config.num_key_value_heads * (heads // shared)
    config.hidden_size = config.num_attention_heads * config.head_dim
    config.intermediate_size = round(config.intermediate_size * width)
    config.num_hidden_layers = max(1, round(config.num_hidden_layers * layers))
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    for path in bench.model.iterdir():
        if "token" in path.name or path.suffix == ".jinja":
            shutil.copy(path, folder)
    return folder, sum(one.numel() for one in model.parameters())


@cache
def measured(bench: Bench, inputs: Inputs, model: Path | None = None) -> Row:
    """Seconds, memory and stages of ours on these inputs, or why there are none; the same is not run twice."""
    label = "-".join([inputs.folder.name, *([model.name] if model else [])])
    outcomes, figures = attempt({label: partial(run_ours, bench, inputs, [], label, model)})
    row: Row = {"tokens": sum(token_counts(inputs))}
    if label not in outcomes:
        return {**row, **figures[label]}
    return row | summary(outcomes[label])


def summary(outcome: Outcome) -> Row:
    """One run as a row."""
    took = outcome.measured
    return {
        "seconds": took.seconds,
        "cpu_seconds": took.cpu_seconds,
        "peak_bytes": took.peak_bytes,
        "stages": outcome.stages,
        "coverage": outcome.facts["coverage"],
        "command": outcome.command,
    }
