"""What is collected from the queries: the groups' gradients, the span of the single ones, and then their cores."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.fused import Collector
from curation.scoring.influence.factors import Factors
from curation.scoring.influence.space import Space, Whitening, separable

# Random directions that a single query's gradient is looked at from, to find what all of them span.
PROBES = 32


@dataclass
class GroupSums(Collector):
    """Collects weighted sums of query gradients: K directions, each shaped like all modules.

    Attributes:
        weights: (V, K) how much query v counts in direction k.
        dtype: Of the sums.
        raw: module name -> (K, d_out, d_in).
    """

    weights: Tensor
    dtype: torch.dtype
    raw: dict[str, Tensor] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor:
        """Keep the inputs."""
        return a

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add the rows' gradients to the directions that they count in, summed over their tokens in one product."""
        assert kept is not None
        weights = self.weights[list(batch.order)]
        total = self.raw.setdefault(
            module.name,
            torch.zeros(weights.shape[1], module.d_out, module.d_in, dtype=self.dtype, device=g.device),
        )
        for k in range(weights.shape[1]):
            rows = weights[:, k].nonzero().squeeze(1)
            if len(rows):
                weighted = g[rows].to(self.dtype) * weights[rows, k].view(-1, 1, 1).to(g.device, self.dtype)
                total[k].addmm_(weighted.flatten(0, 1).T, kept[rows].flatten(0, 1).to(self.dtype))


@dataclass
class Span(Collector):
    """Collects sum_v T_v T_v' and sum_v T_v' T_v of single queries, estimated from random directions.

    T_v is the query's whitened and filtered gradient (see `space`), with the gain's first separable term; it is never
    formed: only its products with random vectors are.

    Attributes:
        lefts: module name -> (d_out, d_out).
        rights: module name -> (d_in, d_in).
    """

    factors: dict[str, Factors]
    whitenings: dict[str, Whitening]
    lefts: dict[str, Tensor] = field(default_factory=dict)
    rights: dict[str, Tensor] = field(default_factory=dict)
    _rotations: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Keep the inputs."""
        return a if module.name in self.whitenings else None

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Look at each row's gradient from random directions on either side."""
        if kept is None:
            return
        to_left, to_right, omega, psi = self._rotation(module.name)
        a, g = kept.to(to_left.dtype), g.to(to_left.dtype)
        left = to_left.T @ torch.bmm(g.transpose(1, 2), a @ omega)  # (B, d_out, p)
        right = to_right.T @ torch.bmm(a.transpose(1, 2), g @ psi)  # (B, d_in, p)
        for sums, seen in ((self.lefts, left), (self.rights, right)):
            flat = seen.transpose(0, 1).flatten(1)
            if module.name not in sums:
                sums[module.name] = flat.new_zeros(len(flat), len(flat))
            sums[module.name].addmm_(flat, flat.T, alpha=1 / PROBES)

    def _rotation(self, name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Into the whitened, filtered eigenbasis on either side, and random directions in it."""
        if name not in self._rotations:
            white, factors = self.whitenings[name], self.factors[name]
            x, y = separable(white.gain, 1)
            to_left = factors.q_s * (x.squeeze(1) / white.sigma)
            to_right = factors.q_a * (y.squeeze(1) / white.alpha)
            generator = torch.Generator().manual_seed(len(to_left) * 1_000_003 + len(to_right))
            omega = torch.randn(len(to_right), PROBES, generator=generator, dtype=to_right.dtype)
            psi = torch.randn(len(to_left), PROBES, generator=generator, dtype=to_left.dtype)
            self._rotations[name] = (
                to_left,
                to_right,
                to_right @ omega.to(to_right.device),
                to_left @ psi.to(to_left.device),
            )
        return self._rotations[name]


@dataclass
class Cores(Collector):
    """Collects the cores of V single queries in the layers' spaces.

    Attributes:
        spaces: By module name.
        cores: module name -> (V, r_s, r_a), filled row by row.
    """

    spaces: dict[str, Space]
    cores: dict[str, Tensor]

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Project the inputs, once for each term of the gain."""
        if (space := self.spaces.get(module.name)) is None:
            return None
        v = space.v if space.query_v is None else space.query_v
        return a.to(v.dtype) @ v

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Project the gradients, and sum over tokens and terms."""
        if kept is None:
            return
        space, cores = self.spaces[module.name], self.cores[module.name]
        if space.query_u is None:
            assert space.gain is not None
            core = torch.bmm((g.to(space.u.dtype) @ space.u).transpose(1, 2), kept) * space.gain
        else:
            terms = space.query_u.shape[1] // space.u.shape[1]
            projected = (g.to(space.u.dtype) @ space.query_u).transpose(1, 2)
            core = sum(
                torch.bmm(gradient, inputs).to(cores.dtype)
                for gradient, inputs in zip(projected.chunk(terms, 1), kept.chunk(terms, 2), strict=True)
            )
        cores[batch.indices] = core.to(cores.dtype)
