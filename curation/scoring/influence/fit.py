"""Fitting the factors: covariances, their eigenvectors, and the eigenvalue correction until it is stable."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.collector import Collector
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.factors import (
    Basis,
    Corrections,
    Covariances,
    Factors,
    eigenvectors,
    reliability,
)
from curation.scoring.memory import give_back, within_memory
from curation.scoring.progress import Reporter

# The correction is fitted on so many traces more at a time, until two halves of them agree.
ROUND = 24
# Eigenvectors want so many tokens for each of the widest layer's dimensions.
TOKENS_A_DIMENSION = 2


@dataclass(frozen=True)
class Fit:
    """How factors are fitted.

    Attributes:
        covariance_traces: Eigenvectors are fitted on so many traces of the sample, or on more where these are short
            (`covariance_sample`). They need fewer than eigenvalues do: there are many tokens in a trace, and the
            correction takes up the rest.
        stability: The correction stops growing when two halves of its sample predict scores as reliably
            (`factors.reliability`); 1 takes the whole sample.
        damping: In units of the mean eigenvalue; it decides how much an unsure small eigenvalue matters.
        block: Width of the diagonal blocks of wider covariances; 0 keeps them whole.
        labels: "sampled" from the model (Gauss-Newton), or the "data"'s own (empirical Fisher).
        seed: Of the sampled labels.
    """

    covariance_traces: int = 16
    stability: float = 1.0
    damping: float = 0.1
    block: int = 0
    labels: str = "sampled"
    seed: int = 0


def fit_factors(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    encoded: Sequence[Encoded],
    *,
    token_budget: int,
    fit: Fit | None = None,
    reporter: Reporter | None = None,
) -> tuple[dict[str, Factors], int]:
    """Fit EK-FAC factors of some layers on a sample of traces.

    Labels are sampled with random numbers of each sequence's own, so that batching changes nothing.

    Args:
        model: The reference model.
        modules: The layers; those that share an input come together.
        encoded: The sample; even and odd positions are its two halves.
        token_budget: Tokens a batch.
        fit: How.
        reporter: Told of each stage.

    Returns:
        Factors by module name, eigenvectors in the model's precision, eigenvalues in float32 or better; and how many
        traces they took.
    """
    fit = fit or Fit()
    reporter = reporter or Reporter()
    first = encoded[: covariance_sample([len(one) for one in encoded], modules, fit.covariance_traces)]
    tokens = sum(len(one) for one in first)

    def covary(budget: int) -> Covariances:
        reporter.start("covariances", tokens)
        covariances = Covariances(fit.block)
        _over(model, modules, first, covariances, budget, fit, reporter)
        return covariances

    covariances = within_memory(covary, token_budget)
    reporter.finish()
    bases = _bases(covariances, modules, tokens, model.dtype, reporter)
    del covariances

    def correct(budget: int) -> tuple[Corrections, int]:
        reporter.start("eigenvalues", sum(len(one) for one in encoded))
        corrections, done = Corrections(bases), 0
        while done < len(encoded):
            part = encoded[done : done + ROUND]
            corrections.first = done
            _over(model, modules, part, corrections, budget, fit, reporter, start=done)
            done += len(part)
            if fit.stability < 1 and reliability(corrections.squares.values(), fit.damping) >= fit.stability:
                break
        return corrections, done

    corrections, done = within_memory(correct, token_budget)
    reporter.finish()
    halves = torch.tensor([(done + 1) // 2, max(1, done // 2)]).view(2, 1, 1).to(model.device)
    factors = {
        name: Factors(*bases[name], corrected=corrections.squares.pop(name).div_(halves)) for name in bases
    }
    return factors, done


def covariance_sample(lengths: Sequence[int], modules: Sequence[LinearModule], traces: int) -> int:
    """How many of the first traces eigenvectors are fitted on: `traces`, or more until their tokens are enough.

    Args:
        lengths: Tokens of each trace of the sample.
        modules: The layers, whose widest side says how many tokens are enough.
        traces: The fewest.
    """
    enough = TOKENS_A_DIMENSION * max((max(module.d_in, module.d_out) for module in modules), default=0)
    count = seen = 0
    for length in lengths:
        if count >= traces and seen >= enough:
            break
        count, seen = count + 1, seen + length
    return count


def _bases(
    covariances: Covariances,
    modules: Sequence[LinearModule],
    tokens: int,
    dtype: torch.dtype,
    reporter: Reporter,
) -> dict[str, tuple[Basis, Basis]]:
    """(Q_A, Q_S) by module name, in the precision that gradients come in; layers that read one input share their Q_A."""
    give_back()
    reporter.start("eigenvectors", len(covariances.a) + len(covariances.s))
    of_a, of_s = (_decomposed(sums, tokens, dtype, reporter) for sums in (covariances.a, covariances.s))
    reporter.finish()
    return {module.name: (of_a[module.shares_input], of_s[module.name]) for module in modules}


def _decomposed(
    sums: dict[str, list[Tensor]], tokens: int, dtype: torch.dtype, reporter: Reporter
) -> dict[str, Basis]:
    """Eigenvectors of each layer's covariance, whose blocks are used up.

    On a CPU a matrix a thread, which is faster than all threads on one matrix; a GPU takes one after another.
    """

    def basis_of(name: str) -> Basis:
        return Basis(tuple(eigenvectors(block, tokens).to(dtype) for block in sums.pop(name)))

    names = list(sums)
    threads = 1 if next(iter(sums.values()))[0].is_cuda else torch.get_num_threads()
    bases = {}
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for name, basis in zip(names, pool.map(basis_of, names), strict=True):
            bases[name] = basis
            reporter.advance(1)
    return bases


def _over(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    encoded: Sequence[Encoded],
    collector: Collector,
    budget: int,
    fit: Fit,
    reporter: Reporter,
    start: int = 0,
) -> None:
    """Show a part of the sample, which begins at `start`, to a collector."""
    for batch in batches_of(model, encoded, budget):
        labels = _uniform(batch, fit.seed, start) if fit.labels == "sampled" else None
        fused_pass(model, batch, [collector], modules, sampled_labels=labels)
        reporter.advance(batch.tokens, batch.tokens)


def _uniform(batch: TokenBatch, seed: int, start: int) -> Tensor:
    """(M,) random numbers in [0, 1), each sequence's from a generator of its own."""
    numbers = [
        torch.rand(
            count,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(seed * 1_000_003 + start + index),
        )
        for index, count in zip(batch.order, batch.completions, strict=True)
    ]
    return torch.cat(numbers).to(batch.ids.device)
