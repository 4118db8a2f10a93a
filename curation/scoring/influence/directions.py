"""Query gradients and their preconditioned form: the directions along which a trace helps a group."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.fused import Collector
from curation.scoring.influence.factors import Factors
from curation.scoring.progress import Reporter

DAMPING = 0.1


@dataclass
class QueryGradients(Collector):
    """Collects weighted sums of query gradients: K directions, each shaped like all modules.

    Attributes:
        weights: (V, K) how much query v counts in direction k.
        dtype: Of the stored sums.
        raw: module name -> (K, d_out, d_in).
    """

    weights: Tensor
    dtype: torch.dtype
    raw: dict[str, Tensor] = field(default_factory=dict)

    def gradient(self, batch: TokenBatch, rows: slice, module: LinearModule, gradient: Tensor) -> None:
        """Add the rows' gradients to the directions that they count in."""
        weights = self.weights.to(gradient)[batch.indices[rows]]
        total = self.raw.setdefault(
            module.name,
            torch.zeros(weights.shape[1], *gradient.shape[1:], dtype=self.dtype, device=gradient.device),
        )
        touched = weights.any(0)  # a query of its own touches one direction of many
        total[touched] += torch.einsum("rk,roi->koi", weights[:, touched], gradient).to(self.dtype)


def precondition(raw: Tensor, factors: Factors, *, damping: float = DAMPING) -> Tensor:
    """(G + lambda)^-1 V = Q_S [(Q_S' V Q_A) / (Lambda + lambda)] Q_A', lambda = damping x mean(Lambda).

    Args:
        raw: (K, d_out, d_in) query gradients of one layer.
        factors: The layer's factors.
        damping: In units of the mean eigenvalue.

    Returns:
        (K, d_out, d_in). A layer without curvature (no gradient ever reached it) gives zeros.
    """
    return _scaled_back(_rotated(raw, factors), factors, factors.eigenvalues, damping)


def _rotated(raw: Tensor, factors: Factors) -> Tensor:
    """Q_S' V Q_A."""
    return factors.q_s.T @ raw.to(factors.q_s.dtype) @ factors.q_a


def _scaled_back(rotated: Tensor, factors: Factors, eigenvalues: Tensor, damping: float) -> Tensor:
    """Q_S [R / (Lambda + lambda)] Q_A'."""
    damped = eigenvalues + damping * eigenvalues.mean()
    scaled = torch.where(damped > 0, rotated / damped, torch.zeros_like(rotated))
    return factors.q_s @ scaled @ factors.q_a.T


@dataclass
class Influence(Collector):
    """Collects s[d, k] = <direction k, gradient of trace d's loss>: positive if trace d helps what k stands for.

    Attributes:
        directions: module name -> (K, d_out, d_in).
        scores: (P, K) float64, filled row by row.
    """

    directions: dict[str, Tensor]
    scores: Tensor

    @classmethod
    def of(cls, directions: dict[str, Tensor], count: int, device: torch.device) -> "Influence":
        """An empty sheet for P traces."""
        width = len(next(iter(directions.values())))
        return cls(directions, torch.zeros(count, width, dtype=torch.float64, device=device))

    def gradient(self, batch: TokenBatch, rows: slice, module: LinearModule, gradient: Tensor) -> None:
        """Add one module's part to the rows' scores."""
        direction = self.directions[module.name].flatten(1).to(gradient.dtype)
        part = gradient.flatten(1) @ direction.T
        self.scores.index_add_(0, batch.indices[rows], part.to(self.scores.dtype))


def group_weights(groups: Sequence[str], names: Sequence[str]) -> Tensor:
    """(V, K) float32: each of K named groups is the mean of its queries.

    Args:
        groups: The group of each of V queries.
        names: The K groups.
    """
    members = torch.tensor([[float(group == name) for name in names] for group in groups])
    return members / members.sum(0, keepdim=True)


@dataclass(frozen=True)
class GroupDirections:
    """The preconditioned mean gradient of each group, and the same with the factors of either half of the sample.

    Attributes:
        groups: Names of the K groups.
        whole: module name -> (K, d_out, d_in).
        halves: module name -> (2 K, d_out, d_in), the first half's groups, then the second's.
        norms: (K,) Euclidean norm of each direction over all modules.
    """

    groups: list[str]
    whole: dict[str, Tensor]
    halves: dict[str, Tensor]
    norms: Tensor


def group_directions(
    raw: dict[str, Tensor],
    factors: dict[str, Factors],
    groups: list[str],
    *,
    damping: float,
    reporter: Reporter,
) -> GroupDirections:
    """Precondition the groups' gradients, layer by layer; the raw ones are used up on the way."""
    whole, halves = {}, {}
    squares = torch.zeros(len(groups), dtype=torch.float64)
    reporter.start("preconditioning groups", len(raw))
    for name in list(raw):
        layer = factors[name]
        rotated = _rotated(raw.pop(name), layer)
        whole[name] = _scaled_back(rotated, layer, layer.eigenvalues, damping)
        halves[name] = torch.cat([_scaled_back(rotated, layer, half, damping) for half in layer.corrected])
        squares += whole[name].double().square().sum((1, 2)).cpu()
        reporter.advance(1)
    reporter.finish()
    return GroupDirections(groups, whole, halves, squares.sqrt())


def query_directions(
    raw: dict[str, Tensor], factors: dict[str, Factors], *, damping: float, reporter: Reporter
) -> dict[str, Tensor]:
    """Precondition single queries' gradients in place of the raw ones, one query at a time, at their own precision."""
    reporter.start("preconditioning queries", len(raw))
    for name, gradients in raw.items():
        for gradient in gradients:
            gradient.copy_(precondition(gradient, factors[name], damping=damping))
        reporter.advance(1)
    reporter.finish()
    return raw
