"""What is collected from the queries: the groups' gradients, the span of the single ones, and then their cores."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.collector import Collector
from curation.scoring.influence.factors import Factors, outer
from curation.scoring.influence.space import Space, Whitening, separable

# Random directions that all single queries' gradients are looked at from, to find what they span together; and the
# most that each of them gets.
PROBES, MOST = 512, 32


@dataclass
class GroupSums(Collector):
    """Collects weighted sums of query gradients: K directions, each shaped like all modules.

    Attributes:
        weights: (V, K) how much query v counts in direction k, on the CPU.
        raw: module name -> (K, d_out, d_in), in float32 or better.
    """

    weights: Tensor
    raw: dict[str, Tensor] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor:
        """Keep the inputs."""
        return a

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add the gradients to the directions that they count in, summed over all tokens in one product."""
        assert kept is not None
        of_rows = self.weights[list(batch.order)]
        for k in range(of_rows.shape[1]):
            counts = [row for row in range(len(of_rows)) if of_rows[row, k]]
            if not counts:
                continue
            tokens = torch.cat([torch.arange(*batch.spans[row]) for row in counts])
            weights = of_rows[counts, k].repeat_interleave(torch.tensor([batch.lengths[r] for r in counts]))
            chosen = tokens.to(g.device)
            part = outer(g[chosen] * weights.to(g).unsqueeze(1), kept[chosen])
            if module.name not in self.raw:
                self.raw[module.name] = part.new_zeros(of_rows.shape[1], *part.shape)
            self.raw[module.name][k] += part


@dataclass(frozen=True)
class Probe:
    """How one layer's query gradients are looked at; T is a query's whitened and filtered gradient (see `space`).

    Attributes:
        omega: (d_in, p) random directions, so that G omega is T seen from the right, not yet rotated.
        psi: (d_out, p) the same for the left.
    """

    omega: Tensor
    psi: Tensor


def probe(factors: Factors, white: Whitening, count: int, dtype: torch.dtype) -> Probe:
    """Random directions in the whitened, filtered eigenbasis of a layer, taken back to the layer's own coordinates.

    Args:
        factors: Of the layer.
        white: Its whitening; of the gain, the first separable term.
        count: How many directions.
        dtype: In which tokens are projected.
    """
    to_left, to_right = filters(white)
    generator = torch.Generator().manual_seed(len(to_left) * 1_000_003 + len(to_right))

    def directions(scale: Tensor) -> Tensor:
        normal = torch.randn(len(scale), count, generator=generator, dtype=torch.float32)
        return scale.unsqueeze(1) * normal.to(scale)

    omega = factors.q_a.back(directions(to_right))
    psi = factors.q_s.back(directions(to_left))
    return Probe(omega.to(dtype), psi.to(dtype))


def filters(white: Whitening) -> tuple[Tensor, Tensor]:
    """(d_out,) and (d_in,): what turns a rotated gradient R into x R y' ~ T, by the gain's first separable term."""
    x, y = separable(white.gain, 1)
    return x.squeeze(1) / white.sigma, y.squeeze(1) / white.alpha


@dataclass
class Span(Collector):
    """Collects what single queries span: T_v omega and T_v' psi for random omega and psi, not yet rotated.

    Attributes:
        probes: By module name; other modules are not looked at.
        lefts: module name -> parts of (V p, d_out) G_v omega.
        rights: module name -> parts of (V p, d_in) G_v' psi.
    """

    probes: dict[str, Probe]
    lefts: dict[str, list[Tensor]] = field(default_factory=dict)
    rights: dict[str, list[Tensor]] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Keep the inputs."""
        return a if module.name in self.probes else None

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Look at each row's gradient from random directions on either side."""
        if kept is None:
            return
        seen = self.probes[module.name]
        for images, wide, narrow in (
            (self.lefts, g, kept @ seen.omega),
            (self.rights, kept, g @ seen.psi),
        ):
            rows = batch.rows(narrow).transpose(1, 2) @ batch.rows(wide)  # (B, p, d)
            images.setdefault(module.name, []).append(rows.flatten(0, 1))

    def whitened(self, name: str, factors: Factors, white: Whitening) -> tuple[Tensor, Tensor]:
        """(n, d_out) and (n, d_in): one layer's images, rotated, whitened and filtered; they are used up.

        The sum of their outer products is that of T_v T_v' and of T_v' T_v, up to one common factor.
        """
        to_left, to_right = filters(white)
        left = factors.q_s.rotate(torch.cat(self.lefts.pop(name)).to(factors.q_s.dtype))
        right = factors.q_a.rotate(torch.cat(self.rights.pop(name)).to(factors.q_a.dtype))
        return left * to_left, right * to_right


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
        u = space.u if space.query_u is None else space.query_u
        gradients, inputs = batch.rows(g.to(u.dtype) @ u).transpose(1, 2), batch.rows(kept)
        terms = u.shape[1] // space.u.shape[1]
        core = sum(
            (gradient @ one).to(cores.dtype)
            for gradient, one in zip(gradients.chunk(terms, 1), inputs.chunk(terms, 2), strict=True)
        )
        cores[batch.indices] = core if space.gain is None else core * space.gain
