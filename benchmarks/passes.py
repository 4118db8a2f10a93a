"""The passes that `benchmarks.bare` times: ours reading nothing, ours reading scores, and the model's own."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from benchmarks.peers.tokens import Sample, Tokens
from curation.models.batches import TokenBatch, length_sorted
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.collector import Collector
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.influence.build import Asked, build_directions
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.directions import Directions, Influence
from curation.scoring.influence.fit import Fit
from curation.scoring.influence.precondition import Low
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


def bare_pass(model: LanguageModel, traces: list[Encoded]) -> Pass:
    """One forward and one activation backward that nothing reads."""
    return our_pass(model, [], traces, lambda: [Idle()])


def scoring_passes(
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
