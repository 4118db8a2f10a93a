"""The directions along which a trace helps: queries, groups of them, and the groups by either half of the factors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.fused import Collector
from curation.scoring.influence.factors import Factors
from curation.scoring.influence.queries import Span
from curation.scoring.influence.space import (
    Space,
    Whitening,
    leading,
    low_rank_space,
    ranks_for,
    whitening,
    whole_space,
)
from curation.scoring.progress import Reporter


@dataclass(frozen=True)
class Settings:
    """How directions are made.

    Attributes:
        damping: lambda in units of each layer's mean eigenvalue.
        tolerance: Relative error that low rank may make, under the fitted curvature; 0 keeps everything.
        rank: The most directions that a side of a layer gets.
    """

    damping: float = 0.1
    tolerance: float = 0.1
    rank: int = 128


@dataclass(frozen=True)
class Directions:
    """D directions: K groups, then the groups by the first and by the second half of the factors, then queries.

    Attributes:
        groups: Names of the K groups.
        query_ids: Those of the single queries.
        spaces: By module name; a layer that no gradient ever reached is not there.
        cores: module name -> (D, r_s, r_a); direction d of a layer is u cores[d] v'.
        norms: (K,) float64 Euclidean norm of each group's direction over all layers.
        lost: For each group, the relative error of its scores that low rank makes under the fitted curvature.
    """

    groups: list[str]
    query_ids: list[str]
    spaces: dict[str, Space]
    cores: dict[str, Tensor]
    norms: Tensor
    lost: dict[str, float]

    @property
    def count(self) -> int:
        """D."""
        return len(next(iter(self.cores.values())))

    def with_queries(self, ids: list[str], cores: dict[str, Tensor], *, alone: bool) -> "Directions":
        """The same spaces with these queries after the groups, or with nothing else."""
        both = cores if alone else {name: torch.cat([self.cores[name], cores[name]]) for name in self.cores}
        groups = [] if alone else self.groups
        return Directions(groups, ids, self.spaces, both, self.norms, self.lost)

    def dense(self, name: str) -> Tensor:
        """(D, d_out, d_in) the directions of one layer."""
        space, cores = self.spaces[name], self.cores[name]
        return space.u.to(cores.dtype) @ cores @ space.v.to(cores.dtype).T


@dataclass
class Influence(Collector):
    """Collects s[p, d] = <direction d, gradient of trace p's loss>: positive if trace p helps what d stands for.

    Attributes:
        directions: Of D.
        scores: (P, D) float64, filled row by row.
    """

    directions: Directions
    scores: Tensor

    @classmethod
    def of(cls, directions: Directions, count: int, device: torch.device) -> "Influence":
        """An empty sheet for P traces."""
        return cls(directions, torch.zeros(count, directions.count, dtype=torch.float64, device=device))

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Keep v' a_t only."""
        space = self.directions.spaces.get(module.name)
        return None if space is None else a.to(space.v.dtype) @ space.v

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add one module's part: the projected gradient sum_t (u' g_t)(v' a_t)' against all cores."""
        if kept is None:
            return
        space, cores = self.directions.spaces[module.name], self.directions.cores[module.name]
        projected = torch.bmm((g.to(space.u.dtype) @ space.u).transpose(1, 2), kept).to(cores.dtype)
        part = projected.flatten(1) @ cores.flatten(1).T
        self.scores.index_add_(0, batch.indices, part.to(self.scores.dtype))


def group_weights(groups: Sequence[str], names: Sequence[str]) -> Tensor:
    """(V, K) float32: each of K named groups is the mean of its queries.

    Args:
        groups: The group of each of V queries.
        names: The K groups.
    """
    members = torch.tensor([[float(group == name) for name in names] for group in groups])
    return members / members.sum(0, keepdim=True)


def whitenings_of(factors: dict[str, Factors], damping: float) -> dict[str, Whitening]:
    """The whitening of every layer that a gradient ever reached."""
    found = {name: whitening(one.eigenvalues, damping) for name, one in factors.items()}
    return {name: white for name, white in found.items() if white is not None}


def group_directions(
    raw: dict[str, Tensor],
    factors: dict[str, Factors],
    whitenings: dict[str, Whitening],
    span: Span | None,
    groups: list[str],
    settings: Settings,
    *,
    dtype: torch.dtype,
    reporter: Reporter,
) -> Directions:
    """Precondition the groups' gradients, find each layer's space, and put the groups into it.

    (G + lambda)^-1 V = Q_S [(Q_S' V Q_A) / (Lambda + lambda)] Q_A'. The raw gradients and the span are used up.

    Args:
        raw: module name -> (K, d_out, d_in) gradients of the groups.
        factors: By module name.
        whitenings: Of the layers that count.
        span: Of the single queries, if scores along them are asked for.
        groups: Names of the K groups.
        settings: Damping, tolerance, rank.
        dtype: In which tokens are projected: the model's own.
        reporter: Told of each layer.
    """
    reporter.start("directions", 2 * len(whitenings))
    energy = torch.zeros(len(groups), dtype=torch.float64)
    for name, white in whitenings.items():
        layer = factors[name]
        rotated = layer.q_s.T @ raw[name].to(layer.q_s.dtype) @ layer.q_a
        raw[name] = rotated.mul_(white.gain / white.weight)
        energy += raw[name].square().sum((1, 2)).double().cpu()
        reporter.advance(1)
    spaces = _spaces(raw, factors, whitenings, span, energy, settings, dtype)
    cores: dict[str, Tensor] = {}
    inside = torch.zeros_like(energy)
    squares = torch.zeros_like(energy)
    for name, (space, left, right) in spaces.items():
        whole = raw.pop(name)
        halves = _by_halves(whole, factors[name], settings.damping)
        core = torch.cat([whole, halves])
        core = core if left is None or right is None else left.T @ core @ right
        cores[name] = core
        k = len(groups)
        inside += core[:k].square().sum((1, 2)).double().cpu()
        u, v = space.u.to(core.dtype), space.v.to(core.dtype)
        squares += ((u.T @ u) @ core[:k] @ (v.T @ v) * core[:k]).sum((1, 2)).double().cpu()
        reporter.advance(1)
    reporter.finish()
    shares = (1 - inside / energy).clamp(min=0).sqrt().nan_to_num()
    lost = dict(zip(groups, shares.tolist(), strict=True))
    found = {name: space for name, (space, _, _) in spaces.items()}
    return Directions(groups, [], found, cores, squares.sqrt(), lost)


def _by_halves(whole: Tensor, factors: Factors, damping: float) -> Tensor:
    """(K, d_out, d_in) T -> (2 K, d_out, d_in), filtered by the eigenvalues of either half in place of the mean's."""
    mean = factors.eigenvalues
    damped = mean + damping * mean.mean()
    halves = [half + damping * half.mean() for half in factors.corrected]
    return torch.cat([whole * torch.where(half > 0, damped / half, torch.zeros_like(half)) for half in halves])


def _spaces(
    whitened: dict[str, Tensor],
    factors: dict[str, Factors],
    whitenings: dict[str, Whitening],
    span: Span | None,
    energy: Tensor,
    settings: Settings,
    dtype: torch.dtype,
) -> dict[str, tuple[Space, Tensor | None, Tensor | None]]:
    """Each layer's space and its columns. Every group counts as much as all single queries together."""
    if settings.tolerance == 0:
        return {name: (whole_space(factors[name], white), None, None) for name, white in whitenings.items()}
    scale = energy.clamp(min=torch.finfo(torch.float64).tiny).rsqrt()
    singles = sum(float(gram.trace()) for gram in span.lefts.values()) if span else 0.0
    sides: list[tuple[Tensor, Tensor, float]] = []
    for number, name in enumerate(whitenings):
        scaled = whitened[name] * scale.view(-1, 1, 1).to(whitened[name])
        left = torch.einsum("koi,kpi->op", scaled, scaled)
        right = torch.einsum("koi,koj->ij", scaled, scaled)
        if span and singles > 0:
            left += span.lefts.pop(name) / singles
            right += span.rights.pop(name) / singles
        for gram in (left, right):
            sides.append((*leading(gram, settings.rank, number), float(gram.trace())))
    ranks = ranks_for([(values, trace) for values, _, trace in sides], settings.tolerance, settings.rank)
    columns = [vectors[:, :rank] for (_, vectors, _), rank in zip(sides, ranks, strict=True)]
    return {
        name: (low_rank_space(factors[name], white, left, right, dtype), left, right)
        for (name, white), left, right in zip(
            whitenings.items(), columns[::2], columns[1::2], strict=True
        )
    }
