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
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from benchmarks.peers.tokens import Sample, Tokens
from benchmarks.peers.tokens import load as load_tokens
from curation.models.batches import TokenBatch, length_sorted
from curation.models.encode import Encoded
from curation.models.linear import LinearModule, linear_modules
from curation.models.load import LanguageModel, load_model
from curation.scoring.fused import Collector, batches_of, fused_pass
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.influence.build import Asked, Low, build_directions
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.directions import Directions, Influence
from curation.scoring.influence.fit import Fit
from curation.scoring.likelihood import Likelihood
from curation.scoring.progress import Reporter
from curation.scoring.rds import Embedding
from curation.scoring.rsr import RankSurprisal

TOKEN_BUDGET = 2048
FACTOR_TRACES = 16

Pass = Callable[[], None]


class Idle(Collector):
    """Asks for the backward pass and reads nothing of it."""

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Do nothing."""


def encoded(samples: list[Sample]) -> list[Encoded]:
    """Samples as ours takes them; the characters at which tokens start are not needed."""
    return [Encoded(tuple(one.ids), one.prompt_length, ()) for one in samples]


def directions_for(model: LanguageModel, modules: list[LinearModule], tokens: Tokens) -> Directions:
    """Low-rank directions of the groups and of each query, by factors of a few traces."""
    queries = [(name, sample) for name, samples in tokens.groups.items() for sample in samples]
    asked = Asked(
        encoded([sample for _, sample in queries]),
        [str(number) for number in range(len(queries))],
        [name for name, _ in queries],
        singly=True,
    )
    sample = encoded(tokens.traces[:FACTOR_TRACES])
    with tempfile.TemporaryDirectory() as folder:
        cache = FactorCache(Path(folder), model.device)
        cache.fit(model, [modules], sample, token_budget=TOKEN_BUDGET, fit=Fit(), reporter=Reporter())
        return build_directions(
            model, [modules], cache, asked, Low(), token_budget=TOKEN_BUDGET, reporter=Reporter()
        )


def our_pass(
    model: LanguageModel,
    modules: list[LinearModule],
    traces: list[Encoded],
    collectors: Callable[[], list[Collector]],
) -> Pass:
    """A pass over all traces, with fresh collectors each time."""

    def go() -> None:
        fresh = collectors()
        for batch in batches_of(model, traces, TOKEN_BUDGET):
            fused_pass(model, batch, fresh, modules)

    return go


def our_passes(
    model: LanguageModel, traces: list[Encoded], modules: list[LinearModule], directions: Directions
) -> dict[str, Pass]:
    """The scoring pass and all that a run's pass reads."""
    count, device = len(traces), model.device

    def scoring() -> list[Collector]:
        return [Likelihood.of(count, device), Embedding(), Influence.of(directions, count, device)]

    def everything() -> list[Collector]:
        return [*scoring(), RankSurprisal.of(count, device), GradientNorm.of(count, device)]

    return {
        "scoring": our_pass(model, modules, traces, scoring),
        "everything": our_pass(model, modules, traces, everything),
    }


def stock_pass(folder: Path, dtype: torch.dtype, traces: list[Encoded]) -> Pass:
    """Forward and activation backward of the transformers model as it is."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    model.requires_grad_(False).eval()

    def rooted(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        return output.requires_grad_(True)

    model.get_input_embeddings().register_forward_hook(rooted)
    batches = [[traces[index] for index in indices] for indices in length_sorted(traces, TOKEN_BUDGET)]

    def go() -> None:
        for batch in batches:
            ids = [torch.tensor(one.ids) for one in batch]
            labels = [one.clone() for one in ids]
            for label, one in zip(labels, batch, strict=True):
                label[: one.prompt_length] = -100
            mask = pad_sequence([torch.ones_like(one) for one in ids], batch_first=True)
            logits = model(
                input_ids=pad_sequence(ids, batch_first=True), attention_mask=mask, use_cache=False
            ).logits
            targets = pad_sequence(labels, batch_first=True, padding_value=-100)[:, 1:].flatten()
            F.cross_entropy(logits[:, :-1].float().flatten(0, 1), targets, reduction="sum").backward()  # type: ignore[no-untyped-call]

    return go


def in_turns(passes: dict[str, Pass], repeats: int) -> dict[str, dict[str, Any]]:
    """Run A B C A B C ...; medians, and each repeat's ratio to the bare pass of the same turn."""
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
    passes = {"bare": our_pass(model, [], traces, lambda: [Idle()])}
    if not args.only_bare:
        modules = linear_modules(model)
        passes |= our_passes(model, traces, modules, directions_for(model, modules, tokens))
        passes["stock"] = stock_pass(args.model, model.dtype, traces)
        in_turns({"bare": our_pass(model, [], traces[:4], lambda: [Idle()])}, 1)  # warm
    figures = {
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
