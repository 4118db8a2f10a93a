"""From queries and factors to directions: gradients, preconditioning, low-rank spaces, single queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.collector import Collector, Objective
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.directions import CONCEPT, Directions, group_weights
from curation.scoring.influence.precondition import Found, Low, preconditioned
from curation.scoring.influence.queries import MOST, PROBES, Cores, GroupSums, Span, probe
from curation.scoring.influence.solver import Refinement, refine
from curation.scoring.influence.space import Space, whitening
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter


@dataclass(frozen=True)
class Asked:
    """V queries, and what else the gradients are wanted of.

    Attributes:
        encoded: Their tokens.
        ids: Their names.
        groups: The group of each.
        singly: Whether each of them is to be a direction of its own, too.
        concepts: What stands for each concept in place of the loss, in the order of the directions.
        texts: The completions on which concepts are measured; a concept is the mean over them.
    """

    encoded: Sequence[Encoded]
    ids: Sequence[str]
    groups: Sequence[str]
    singly: bool
    concepts: Mapping[str, Objective] = field(default_factory=dict)
    texts: Sequence[Encoded] = ()

    @property
    def names(self) -> list[str]:
        """The groups, in alphabetical order."""
        return sorted(set(self.groups))

    @property
    def aims(self) -> list[str]:
        """The K groups and concepts."""
        return [*self.names, *(f"{CONCEPT}/{name}" for name in self.concepts)]

    @property
    def tokens(self) -> int:
        """What a pass over all of it goes through."""
        return sum(map(len, self.encoded)) + len(self.concepts) * sum(map(len, self.texts))


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
    """The preconditioned gradients of query groups, of concepts and of single queries, layer group by layer group.

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
    squares = torch.zeros(len(asked.aims), dtype=torch.float64)
    energy, inside = squares.clone(), squares.clone()
    for number, modules in enumerate(groups):
        found = _of_layers(
            model, modules, factors, asked, low, token_budget, reporter, () if number else also
        )
        if asked.singly and asked.encoded:
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
        dict(zip(asked.aims, lost.tolist(), strict=True)),
        list(asked.concepts),
    )


def _of_layers(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    cache: FactorCache,
    asked: Asked,
    low: Low,
    token_budget: int,
    reporter: Reporter,
    also: Sequence[Collector],
) -> Found:
    """The groups' directions in some layers."""
    probes = {}
    if asked.singly and asked.encoded and low.tolerance:
        count = min(MOST, max(1, PROBES // len(asked.encoded)))
        for module in modules:
            factors = cache.load(module)
            if white := whitening(factors.eigenvalues, low.damping):
                probes[module.name] = probe(factors, white, count, model.dtype)
    groups, aims = len(asked.names), len(asked.aims)
    weights = torch.zeros(len(asked.encoded), aims)
    if asked.encoded:
        weights[:, :groups] = group_weights(asked.groups, asked.names)

    def collect(budget: int) -> tuple[GroupSums, Span]:
        reporter.start("query gradients", asked.tokens)
        sums, span = GroupSums(weights), Span(probes)
        _over(model, modules, asked.encoded, [sums, *([span] if probes else []), *also], budget, reporter)
        for place, objective in enumerate(asked.concepts.values(), groups):
            on_texts = torch.zeros(len(asked.texts), aims)
            on_texts[:, place] = 1 / len(asked.texts)
            of_concept = GroupSums(on_texts, sums.raw)
            _over(model, modules, asked.texts, [of_concept], budget, reporter, objective)
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
    return preconditioned(modules, cache, raw, aims, span, low, model.dtype, reporter)


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
    objective: Objective | None = None,
) -> None:
    for batch in batches_of(model, encoded, budget):
        fused_pass(model, batch, collectors, modules, objective=objective)
        reporter.advance(batch.tokens, batch.tokens)
