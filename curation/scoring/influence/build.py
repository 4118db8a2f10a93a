"""From queries and factors to directions: gradients, preconditioning, low-rank spaces, single queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import Collector, batches_of, fused_pass
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.directions import Directions, group_weights
from curation.scoring.influence.factors import Factors
from curation.scoring.influence.queries import MOST, PROBES, Cores, GroupSums, Span, probe
from curation.scoring.influence.solver import Refinement, refine
from curation.scoring.influence.space import (
    WIDER,
    Space,
    leading,
    low_rank_space,
    ranks_for,
    whitening,
    whole_space,
)
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter


@dataclass(frozen=True)
class Low:
    """How directions are made low-rank.

    Attributes:
        tolerance: Relative error that low rank may make, under the fitted curvature and in the root mean square over
            the groups; 0 keeps everything.
        rank: Directions that a side of a layer gets in the mean, at most: if the tolerance asks for more, as many as
            that are spread over all layers where they are worth most, and the error that is left is told.
        damping: lambda in units of each layer's mean eigenvalue.
        sample: Traces whose Gauss-Newton matrix the groups' directions are refined on (`solver.refine`); none: EK-FAC.
    """

    tolerance: float = 0.1
    rank: int = 64
    damping: float = 0.1
    sample: Sequence[Encoded] = ()


@dataclass(frozen=True)
class Asked:
    """V queries.

    Attributes:
        encoded: Their tokens.
        ids: Their names.
        groups: The group of each.
        singly: Whether each of them is to be a direction of its own, too.
    """

    encoded: Sequence[Encoded]
    ids: Sequence[str]
    groups: Sequence[str]
    singly: bool

    @property
    def names(self) -> list[str]:
        """The K groups, in alphabetical order."""
        return sorted(set(self.groups))


def build_directions(
    model: LanguageModel,
    groups: Sequence[Sequence[LinearModule]],
    factors: FactorCache,
    asked: Asked,
    low: Low,
    *,
    token_budget: int,
    reporter: Reporter,
    also: Sequence[Collector] = (),
) -> Directions:
    """The preconditioned gradients of query groups and of single queries, layer group by layer group.

    Two passes over the queries: one finds the groups' gradients and what the single ones span, a second one puts the
    single ones into the spaces that were found.

    Args:
        model: The reference model.
        groups: The layers, in groups whose gradients fit into memory.
        factors: Of every layer.
        asked: The queries.
        low: How low the rank may be.
        token_budget: Tokens a batch.
        reporter: Told of each stage.
        also: What else reads the first pass over the queries.
    """
    spaces: dict[str, Space] = {}
    cores: dict[str, Tensor] = {}
    squares = torch.zeros(len(asked.names), dtype=torch.float64)
    energy, inside = squares.clone(), squares.clone()
    for number, modules in enumerate(groups):
        found = _of_layers(
            model, modules, factors, asked, low, token_budget, reporter, () if number else also
        )
        if asked.singly:
            singles = _cores(model, modules, found.spaces, asked, token_budget, reporter)
            found.cores.update(
                {name: torch.cat([core, singles.pop(name)]) for name, core in found.cores.items()}
            )
        # Laid out as they will be read back from disk: sums depend on that to the last bit.
        spaces |= {name: Space(one.u.contiguous(), one.v.contiguous()) for name, one in found.spaces.items()}
        cores |= {name: core.contiguous() for name, core in found.cores.items()}
        squares += found.squares
        energy += found.energy
        inside += found.inside
    lost = (1 - inside / energy).clamp(min=0).sqrt().nan_to_num()
    return Directions(
        asked.names,
        list(asked.ids) if asked.singly else [],
        spaces,
        cores,
        squares.sqrt(),
        dict(zip(asked.names, lost.tolist(), strict=True)),
    )


@dataclass
class _Found:
    """Spaces and group cores of some layers; squared norms, and the energy of T, whole and inside the spaces."""

    spaces: dict[str, Space]
    cores: dict[str, Tensor]
    squares: Tensor
    energy: Tensor
    inside: Tensor


def _of_layers(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    cache: FactorCache,
    asked: Asked,
    low: Low,
    token_budget: int,
    reporter: Reporter,
    also: Sequence[Collector],
) -> _Found:
    """The groups' directions in some layers."""
    probes = {}
    if asked.singly and low.tolerance:
        count = min(MOST, max(1, PROBES // len(asked.encoded)))
        for module in modules:
            factors = cache.load(module)
            if white := whitening(factors.eigenvalues, low.damping):
                probes[module.name] = probe(factors, white, count, model.dtype)
    weights = group_weights(asked.groups, asked.names)

    def collect(budget: int) -> tuple[GroupSums, Span]:
        reporter.start("query gradients", sum(len(one) for one in asked.encoded))
        sums, span = GroupSums(weights), Span(probes)
        _over(model, modules, asked.encoded, [sums, *([span] if probes else []), *also], budget, reporter)
        return sums, span

    sums, span = within_memory(collect, token_budget)
    reporter.finish()
    raw = sums.raw
    if low.sample:
        raw, _ = refine(
            model,
            modules,
            raw,
            cache.load,
            low.sample,
            damping=low.damping,
            settings=Refinement(),
            token_budget=token_budget,
            reporter=reporter,
        )
    return _preconditioned(modules, cache, raw, span, low, model.dtype, reporter)


def _preconditioned(
    modules: Sequence[LinearModule],
    cache: FactorCache,
    raw: dict[str, Tensor],
    span: Span,
    low: Low,
    dtype: torch.dtype,
    reporter: Reporter,
) -> _Found:
    """(G + lambda)^-1 V = Q_S [(Q_S' V Q_A) / (Lambda + lambda)] Q_A', kept in spaces of low rank.

    Gradients that the solver has preconditioned already are only whitened.
    """
    reporter.start("directions", 2 * len(modules))
    energy = torch.zeros(len(next(iter(raw.values()))), dtype=torch.float64)
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
    found = _Found({}, {}, torch.zeros_like(energy), energy, torch.zeros_like(energy))
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
    sides: list[tuple[Tensor, Tensor, float]] = []
    for number, (name, t) in enumerate(whitened.items()):
        scaled = t * scale.view(-1, 1, 1).to(t)
        grams = [
            torch.einsum("koi,kpi->op", scaled, scaled),
            torch.einsum("koi,koj->ij", scaled, scaled),
        ]
        for gram, seen, size in zip(grams, images.pop(name, ()), sizes, strict=False):
            if size > 0:
                gram += seen.T @ seen / size
        sides += [
            (*leading(gram, min(WIDER * low.rank, len(gram)), number), float(gram.trace())) for gram in grams
        ]
    ranks = ranks_for([(values, trace) for values, _, trace in sides], low.tolerance, low.rank)
    kept = [vectors[:, :rank].clone() for (_, vectors, _), rank in zip(sides, ranks, strict=True)]
    return dict(zip(whitened, zip(kept[::2], kept[1::2], strict=True), strict=True))


def _place(
    found: _Found,
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


def _cores(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    spaces: dict[str, Space],
    asked: Asked,
    token_budget: int,
    reporter: Reporter,
) -> dict[str, Tensor]:
    """The single queries' cores in the spaces of some layers."""
    single = torch.promote_types(model.dtype, torch.float32)
    empty = {
        name: torch.zeros(
            len(asked.encoded), space.u.shape[1], space.v.shape[1], dtype=single, device=model.device
        )
        for name, space in spaces.items()
    }

    def collect(budget: int) -> dict[str, Tensor]:
        reporter.start("single queries", sum(len(one) for one in asked.encoded))
        cores = Cores(spaces, empty)
        _over(model, modules, asked.encoded, [cores], budget, reporter)
        return cores.cores

    made = within_memory(collect, token_budget)
    reporter.finish()
    return made


def _over(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    encoded: Sequence[Encoded],
    collectors: Sequence[Collector],
    budget: int,
    reporter: Reporter,
) -> None:
    for batch in batches_of(model, encoded, budget):
        fused_pass(model, batch, collectors, modules)
        reporter.advance(batch.tokens, batch.tokens)
