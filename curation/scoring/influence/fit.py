"""Fitting the factors: covariances, their eigenvectors, and the eigenvalue correction until it is stable."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from curation.models.batches import TokenBatch, token_batches
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import Collector, fused_pass
from curation.scoring.influence.factors import Corrections, Covariances, Factors, eigenvectors, reliability
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter

C = TypeVar("C", bound=Collector)

# The correction is fitted on so many traces more at a time, until two halves of them agree.
ROUND = 32
# Eigenvectors need fewer traces than eigenvalues do: many tokens a trace, and the correction takes up the rest.
COVARIANCE_TRACES = 64


def fit_factors(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    encoded: Sequence[Encoded],
    *,
    token_budget: int,
    damping: float = 0.1,
    stability: float = 1.0,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> tuple[dict[str, Factors], int]:
    """Fit EK-FAC factors on a sample of traces.

    Labels are sampled from the model, with random numbers of each sequence's own, so that batching changes nothing.

    Args:
        model: The reference model.
        modules: The layers.
        encoded: The sample; even and odd positions are its two halves.
        token_budget: Tokens a batch.
        damping: In units of the mean eigenvalue; it decides how much an unsure small eigenvalue matters.
        stability: Stop when the predicted reliability (`factors.reliability`) is as high; 1 takes the whole sample.
        seed: Of the sampled labels.
        reporter: Told of each stage.

    Returns:
        Factors by module name, at the model's precision but at least float32; and how many traces they took.
    """
    reporter = reporter or Reporter()
    first = encoded[:COVARIANCE_TRACES]
    tokens = sum(len(one) for one in first)

    def covary(budget: int) -> Covariances:
        reporter.start("covariances", tokens)
        return _over(model, modules, first, Covariances(), budget, seed, reporter)

    covariances = within_memory(covary, token_budget)
    reporter.finish()
    bases = _bases(covariances, modules, tokens, reporter)
    del covariances

    def correct(budget: int) -> tuple[Corrections, int]:
        reporter.start("eigenvalues", sum(len(one) for one in encoded))
        corrections, done = Corrections(bases), 0
        while done < len(encoded):
            part = encoded[done : done + ROUND]
            _over(model, modules, part, corrections, budget, seed, reporter, start=done)
            done += len(part)
            if stability < 1 and reliability(corrections.squares.values(), damping) >= stability:
                break
        return corrections, done

    corrections, done = within_memory(correct, token_budget)
    reporter.finish()
    halves = torch.tensor([(done + 1) // 2, max(1, done // 2)]).view(2, 1, 1).to(model.device)
    factors = {
        name: Factors(*bases[name], corrected=corrections.squares.pop(name).div_(halves)) for name in bases
    }
    return factors, done


def _bases(
    covariances: Covariances, modules: Sequence[LinearModule], tokens: int, reporter: Reporter
) -> dict[str, tuple[Tensor, Tensor]]:
    """(Q_A, Q_S) by module name; layers that read one input share their Q_A."""
    reporter.start("eigenvectors", len(covariances.a) + len(covariances.s))
    for sums in (covariances.a, covariances.s):
        for name in sums:
            sums[name] = eigenvectors(sums[name], tokens)
            reporter.advance(1)
    reporter.finish()
    return {
        module.name: (covariances.a[module.shares_input], covariances.s[module.name]) for module in modules
    }


def _over(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    encoded: Sequence[Encoded],
    collector: C,
    budget: int,
    seed: int,
    reporter: Reporter,
    start: int = 0,
) -> C:
    """Show a part of the sample, which begins at `start`, to a collector."""
    for batch in token_batches(encoded, budget, model.device):
        fused_pass(model, batch, [collector], modules, sampled_labels=_uniform(encoded, batch, seed, start))
        reporter.advance(batch.tokens, batch.tokens)
    return collector


def _uniform(encoded: Sequence[Encoded], batch: TokenBatch, seed: int, start: int) -> Tensor:
    """(N,) random numbers in [0, 1), each sequence's from a generator of its own."""
    numbers = [
        torch.rand(
            encoded[i].completion_length,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(seed * 1_000_003 + start + i),
        )
        for i in batch.order
    ]
    return torch.cat(numbers).to(batch.ids.device)
