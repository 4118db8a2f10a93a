"""Preconditioning the groups' gradients, and finding the low-rank space of each layer for them and the single queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.factors import Factors
from curation.scoring.influence.queries import Span
from curation.scoring.influence.space import (
    WIDER,
    Space,
    Spectrum,
    leading,
    low_rank_space,
    ranks_for,
    whitening,
    whole_space,
)
from curation.scoring.progress import Reporter


@dataclass(frozen=True)
class Low:
    """How directions are made low-rank.

    Attributes:
        tolerance: Relative error that low rank may make, under the fitted curvature and in the root mean square over
            the groups; 0 keeps everything.
        rank: Directions that a side of a layer gets in the mean, at most: if the tolerance asks for more, what that many
            cost is spread over all layers where it is worth most, and the error that is left is told.
        damping: lambda in units of each layer's mean eigenvalue.
        sample: Traces whose Gauss-Newton matrix the groups' directions are refined on (`solver.refine`); none: EK-FAC.
    """

    tolerance: float = 0.1
    rank: int = 64
    damping: float = 0.1
    sample: Sequence[Encoded] = ()


@dataclass
class Found:
    """Spaces and group cores of some layers; squared norms, and the energy of T, whole and inside the spaces."""

    spaces: dict[str, Space]
    cores: dict[str, Tensor]
    squares: Tensor
    energy: Tensor
    inside: Tensor


def preconditioned(
    modules: Sequence[LinearModule],
    cache: FactorCache,
    raw: dict[str, Tensor],
    count: int,
    span: Span,
    low: Low,
    dtype: torch.dtype,
    reporter: Reporter,
) -> Found:
    """(G + lambda)^-1 V = Q_S [(Q_S' V Q_A) / (Lambda + lambda)] Q_A', kept in spaces of low rank.

    Gradients that the solver has preconditioned already are only whitened.

    Args:
        modules: The layers; one that no gradient ever reached gets no space.
        cache: Of their factors.
        raw: The groups' gradients, by layer; they are used up.
        count: K, how many groups.
        span: What the single queries span.
        low: How low the rank may be.
        dtype: In which tokens are projected.
        reporter: Told of each layer.
    """
    reporter.start("directions", 2 * len(modules))
    energy = torch.zeros(count, dtype=torch.float64)
    whitened: dict[str, Tensor] = {}
    images: dict[str, tuple[Tensor, Tensor]] = {}
    for module in modules:
        factors = cache.load(module)
        gradients = raw.pop(module.name, None)
        white = whitening(factors.eigenvalues, low.damping)
        if white is not None and gradients is not None:
            t = factors.rotate(gradients).mul_(white.weight if low.sample else white.gain / white.weight)
            whitened[module.name] = t
            energy += t.square().sum((1, 2)).double().cpu()
            if span.lefts:
                images[module.name] = span.whitened(module.name, factors, white)
        reporter.advance(1)
    columns = _columns(whitened, images, energy, low) if low.tolerance else {}
    found = Found({}, {}, torch.zeros_like(energy), energy, torch.zeros_like(energy))
    for module in modules:
        if module.name in whitened:
            t = whitened.pop(module.name)
            _place(found, module.name, t, cache.load(module), columns.get(module.name), low, dtype)
        reporter.advance(1)
    reporter.finish()
    return found


def _columns(
    whitened: dict[str, Tensor], images: dict[str, tuple[Tensor, Tensor]], energy: Tensor, low: Low
) -> dict[str, tuple[Tensor, Tensor]]:
    """The leading singular vectors of each layer's T, as many as the tolerance asks for, over all layers together.

    Every group counts as much as all single queries together. The images are used up.
    """
    scale = energy.clamp(min=torch.finfo(torch.float64).tiny).rsqrt()
    sizes = [sum(float(both[side].square().sum()) for both in images.values()) for side in (0, 1)]
    spectra: list[Spectrum] = []
    sides: list[Tensor] = []
    for number, (name, t) in enumerate(whitened.items()):
        scaled = t * scale.view(-1, 1, 1).to(t)
        grams = [
            torch.einsum("koi,kpi->op", scaled, scaled),
            torch.einsum("koi,koj->ij", scaled, scaled),
        ]
        for gram, seen, size in zip(grams, images.pop(name, ()), sizes, strict=False):
            if size > 0:
                gram += seen.T @ seen / size
        for gram in grams:
            values, vectors = leading(gram, min(WIDER * low.rank, len(gram)), number)
            spectra.append(Spectrum(values, float(gram.trace()), len(gram)))
            sides.append(vectors)
    ranks = ranks_for(spectra, low.tolerance, low.rank)
    kept = [vectors[:, :rank].clone() for vectors, rank in zip(sides, ranks, strict=True)]
    return dict(zip(whitened, zip(kept[::2], kept[1::2], strict=True), strict=True))


def _place(
    found: Found,
    name: str,
    t: Tensor,
    factors: Factors,
    columns: tuple[Tensor, Tensor] | None,
    low: Low,
    dtype: torch.dtype,
) -> None:
    """Put the groups, by all and by either half of the factors, into one layer's space."""
    white = whitening(factors.eigenvalues, low.damping)
    assert white is not None
    core = torch.cat([t, _by_halves(t, factors, low.damping)])
    if columns is None:
        space = whole_space(factors, white)
    else:
        left, right = columns
        core = left.T @ core @ right
        space = low_rank_space(factors, white, left, right, dtype)
    of_groups = core[: len(t)]
    u, v = space.u.to(core.dtype), space.v.to(core.dtype)
    found.spaces[name] = space
    found.cores[name] = core
    found.inside += of_groups.square().sum((1, 2)).double().cpu()
    found.squares += ((u.T @ u) @ of_groups @ (v.T @ v) * of_groups).sum((1, 2)).double().cpu()


def _by_halves(t: Tensor, factors: Factors, damping: float) -> Tensor:
    """(K, d_out, d_in) T -> (2 K, d_out, d_in), filtered by the eigenvalues of either half in place of the mean's."""
    mean = factors.eigenvalues
    damped = mean + damping * mean.mean()
    halves = [half + damping * half.mean() for half in factors.corrected]
    return torch.cat([t * torch.where(half > 0, damped / half, torch.zeros_like(half)) for half in halves])
