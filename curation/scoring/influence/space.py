"""Low-rank spaces: for each layer, the few directions of inputs and gradients in which the queries live.

In the eigenbasis of a layer's factors, a query's preconditioned gradient is R / (Lambda + lambda). Weighted with
w = sigma alpha' ~ sqrt(Lambda) it becomes T = w R / (Lambda + lambda): the whitened metric of METHODS 2, in which what a
rank-k form loses is lost least where activations and gradients are. The leading left and right singular vectors of
all T side by side span the layer's space, so that the projections are the same for all groups and queries.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from curation.scoring.influence.factors import Factors

# A direction that the sample never showed has weight next to none, but not none.
FLOOR = 1e-4
# Iterations and spare columns of the randomised search for leading eigenvectors (0909.4061, section 4.5).
ITERATIONS, SPARE = 3, 16
# How many times the mean rank the largest may be.
WIDER = 2
# Terms that stand for the gain where single queries are projected.
TERMS = 3


@dataclass(frozen=True)
class Whitening:
    """The weights w_ij = sigma_i alpha_j of one layer and what is filtered with them.

    Attributes:
        sigma: (d_out,) root of the mean eigenvalue of each row of Lambda.
        alpha: (d_in,) the same of each column, over the root of the mean of all.
        gain: (d_out, d_in) w^2 / (Lambda + lambda): what turns a whitened gradient R / w into T.
    """

    sigma: Tensor
    alpha: Tensor
    gain: Tensor

    @property
    def weight(self) -> Tensor:
        """(d_out, d_in) w."""
        return self.sigma.unsqueeze(1) * self.alpha


def whitening(eigenvalues: Tensor, damping: float) -> Whitening | None:
    """The whitening of a layer; None if no gradient ever reached it.

    Args:
        eigenvalues: (d_out, d_in) Lambda.
        damping: lambda in units of the mean eigenvalue.
    """
    mean = eigenvalues.mean()
    if mean <= 0:
        return None
    sigma = eigenvalues.mean(1).sqrt()
    alpha = (eigenvalues.mean(0) / mean).sqrt()
    sigma, alpha = sigma.clamp(min=FLOOR * sigma.max()), alpha.clamp(min=FLOOR * alpha.max())
    gain = (sigma.unsqueeze(1) * alpha).square() / (eigenvalues + damping * mean)
    return Whitening(sigma, alpha, gain)


@dataclass(frozen=True)
class Space:
    """The space of one layer, for r_s directions of gradients and r_a of inputs.

    A trace's projected gradient is M = sum_t (u' g_t)(v' a_t)', and its score along a query with core C is <C, M>. A
    query's own core is left' T right with T = gain * (whitened gradient). As the gain is smooth, a few separable
    terms x y' stand for it, so that a query is projected token by token just as a trace is, and costs as little.

    Attributes:
        u: (d_out, r_s) = Q_S diag(1 / sigma) left, which projects gradients.
        v: (d_in, r_a) = Q_A diag(1 / alpha) right, which projects inputs.
        query_u: (d_out, m r_s), for each term of the gain Q_S diag(x / sigma) left; None if the space is whole.
        query_v: (d_in, m r_a), for each term Q_A diag(y / alpha) right; None if the space is whole.
        gain: (d_out, d_in), only if the space is whole: left and right are identities, and nothing is lost.
    """

    u: Tensor
    v: Tensor
    query_u: Tensor | None = None
    query_v: Tensor | None = None
    gain: Tensor | None = None


def whole_space(factors: Factors, white: Whitening) -> Space:
    """All of the layer: the exact form."""
    left, right = (torch.diag(1 / one) for one in (white.sigma, white.alpha))
    return Space(factors.q_s.back(left), factors.q_a.back(right), gain=white.gain)


def low_rank_space(
    factors: Factors, white: Whitening, left: Tensor, right: Tensor, dtype: torch.dtype
) -> Space:
    """The space spanned by (d_out, r_s) and (d_in, r_a) orthonormal columns in the whitened eigenbasis."""
    sigma, alpha = white.sigma.unsqueeze(1), white.alpha.unsqueeze(1)
    x, y = separable(white.gain, TERMS)
    of_queries = [
        (
            factors.q_s.back(left * one.unsqueeze(1) / sigma),
            factors.q_a.back(right * other.unsqueeze(1) / alpha),
        )
        for one, other in zip(x.unbind(1), y.unbind(1), strict=True)
    ]
    return Space(
        factors.q_s.back(left / sigma).to(dtype),
        factors.q_a.back(right / alpha).to(dtype),
        torch.cat([u for u, _ in of_queries], 1).to(dtype),
        torch.cat([v for _, v in of_queries], 1).to(dtype),
    )


def separable(gain: Tensor, terms: int) -> tuple[Tensor, Tensor]:
    """(d_out, d_in) -> (d_out, m) x and (d_in, m) y, the best sum of m products x y'."""
    basis = _start(gain.shape[1], min(terms + SPARE, *gain.shape), 0, gain)
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(gain.T @ (gain @ basis))[0]
    left, values, inner = torch.linalg.svd(gain @ basis, full_matrices=False)
    return (left * values)[:, :terms], (basis @ inner.T)[:, :terms]


def leading(gram: Tensor, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues of a (d, d) positive matrix, descending, and their eigenvectors as columns.

    Subspace iteration from random columns; exact where `rank` is near d.
    """
    width = len(gram)
    if rank + SPARE >= width // 2:
        values, vectors = torch.linalg.eigh(gram)
    else:
        basis = torch.linalg.qr(gram @ _start(width, rank + SPARE, seed, gram))[0]
        for _ in range(ITERATIONS - 1):
            basis = torch.linalg.qr(gram @ basis)[0]
        values, inner = torch.linalg.eigh(basis.T @ gram @ basis)
        vectors = basis @ inner
    return values.flip(0)[:rank].clamp(min=0), vectors.flip(1)[:, :rank]


def _start(width: int, count: int, seed: int, like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(width, count, generator=generator, dtype=torch.float64).to(like)


@dataclass(frozen=True)
class Spectrum:
    """What the directions of one side of one layer are worth.

    Attributes:
        values: Leading eigenvalues, descending.
        trace: Sum of all eigenvalues.
        width: d, which is what a direction costs: so many multiplications a token.
    """

    values: Tensor
    trace: float
    width: int


def ranks_for(spectra: list[Spectrum], tolerance: float, mean: int) -> list[int]:
    """How many directions each side of each layer gets: no more than a stated error asks for, and than can be afforded.

    One threshold for all: those worth most for what they cost are taken, wherever they are.

    Args:
        spectra: Of each side.
        tolerance: Relative error: the root of the share of the traces' sum that may be left out.
        mean: What can be afforded is what so many directions a side would cost; one side may have `WIDER` times as many.

    Returns:
        At least 1 for each side that has any energy, else 0.
    """
    values = torch.cat([one.values[: WIDER * mean].double().cpu() for one in spectra])
    counts = torch.tensor([len(one.values[: WIDER * mean]) for one in spectra])
    widths = torch.tensor([one.width for one in spectra]).repeat_interleave(counts)
    worth = values / widths
    order = worth.argsort(descending=True, stable=True)
    total = sum(one.trace for one in spectra)
    left_out = total - values[order].cumsum(0)
    enough = int((left_out > tolerance**2 * total / 2).sum()) + 1  # both sides sum up to twice the energy
    afforded = int((widths[order].cumsum(0) <= mean * sum(one.width for one in spectra)).sum())
    threshold = worth[order[min(enough, afforded, len(order)) - 1]]
    kept = [int((part >= threshold).sum()) for part in torch.split(worth, counts.tolist())]
    return [max(1, count) if one.trace > 0 else 0 for count, one in zip(kept, spectra, strict=True)]
