"""What scoring costs over the bare pass: one forward and one activation backward over the same tokens.

    python -m benchmarks.bare --model DIR --tokens tokens.json --dtype float32 --json

Four passes over the same traces, in turns, so that what else the machine does falls on all of them:

- `bare`: our packed batches, nothing reads anything; the loss and its slope at completion tokens, gradients down to
  the embedding's output and to no weight;
- `scoring`: the same with influence of two groups and of their single queries, perplexity and embedding;
- `everything`: the same with the gradient's norm and the ranks on top;
- `stock`: the transformers model as it is: the same traces in the same batches, padded on the right, with its sdpa
  attention, a mask and logits at every token.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.passes import Pass, bare_pass, directions_for, encoded, scoring_passes, stock_pass
from benchmarks.peers.tokens import load as load_tokens
from curation.models.linear import linear_modules
from curation.models.load import load_model


def in_turns(passes: dict[str, Pass], repeats: int) -> dict[str, dict[str, Any]]:
    """Run A B C A B C ...; medians, their ratios to the bare pass's, and the ratios turn by turn."""
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    cpu: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(repeats):
        for name, go in passes.items():
            start, busy = time.perf_counter(), time.process_time()
            go()
            seconds[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - busy)
    return {
        name: {
            "seconds": seconds[name],
            "median": statistics.median(seconds[name]),
            "cpu_median": statistics.median(cpu[name]),
            "ratio": ratio(seconds[name], seconds["bare"]),
            "ratios": [one / bare for one, bare in zip(seconds[name], seconds["bare"], strict=True)],
            "cpu_ratio": ratio(cpu[name], cpu["bare"]),
        }
        for name in passes
    }


def ratio(of: list[float], to: list[float]) -> float:
    """Ratio of medians."""
    return statistics.median(of) / statistics.median(to)


def main() -> None:
    """Time the passes."""
    parser = argparse.ArgumentParser(description="The scoring pass against the bare pass")
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--tokens", type=Path, required=True, help="tokens.json")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only-bare", action="store_true", help="time nothing but the bare pass")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    args = parser.parse_args()
    torch.manual_seed(0)
    tokens = load_tokens(args.tokens)
    traces = encoded(tokens.traces)
    model = load_model(str(args.model), dtype=args.dtype, device="cpu")
    passes = {"bare": bare_pass(model, traces)}
    if not args.only_bare:
        modules = linear_modules(model)
        passes |= scoring_passes(model, traces, modules, directions_for(model, modules, tokens))
        passes["stock"] = stock_pass(args.model, model.dtype, traces)
        in_turns({"bare": bare_pass(model, traces[:4])}, 1)  # warm
    figures: dict[str, Any] = {
        "dtype": str(model.dtype).removeprefix("torch."),
        "traces": len(traces),
        "tokens": sum(len(one) for one in traces),
        "queries": sum(len(group) for group in tokens.groups.values()),
        "passes": in_turns(passes, args.repeats),
    }
    if args.json:
        print(json.dumps(figures))
        return
    for name, one in figures["passes"].items():
        print(f"{name:12} {one['median']:8.2f} s  {one['ratio']:6.3f} x bare")


if __name__ == "__main__":
    main()
