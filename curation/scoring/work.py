"""What a scoring run works with: the model, the pool in slices, the queries, the factors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from curation.errors import ModelError, ScoringError
from curation.models.encode import Encoded, encode
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.models.moments import Checkpoint
from curation.scoring.influence.cache import fitting_bytes, layer_groups
from curation.scoring.influence.queries import PROBES
from curation.scoring.projection import Activations
from curation.scoring.request import (
    OF_ACTIVATIONS,
    OF_GRADIENTS,
    OF_QUERIES,
    OF_THEIR_OWN,
    ScoreRequest,
)
from curation.store.catalogue import Catalogue
from curation.store.concepts import Concept
from curation.store.queries import load_queries
from curation.traces.query import Query


@dataclass(frozen=True)
class QuerySet:
    """The queries that a run can use, tokenised, and why it leaves others out."""

    queries: list[Query]
    encoded: list[Encoded]
    left_out: list[str] = field(default_factory=list)

    @property
    def groups(self) -> list[str]:
        """Names of the groups, in alphabetical order."""
        return sorted({query.group for query in self.queries})

    @property
    def sizes(self) -> dict[str, int]:
        """How many queries each group has."""
        return {name: sum(query.group == name for query in self.queries) for name in self.groups}


@dataclass(frozen=True)
class Work:
    """Everything that the stages of one run share.

    Attributes:
        catalogue: The project as it was at the start.
        model: The reference model.
        modules: The layers that are attributed; empty if no score needs gradients.
        queries: Those that can be used.
        request: What was asked for.
        scores: The families that are computed: those asked for, without those that need queries where there are none.
        trail: The checkpoints on the way to the model, where a score follows them.
        concepts: The project's, where a score of theirs is asked for.
    """

    catalogue: Catalogue
    model: LanguageModel
    modules: list[LinearModule]
    queries: QuerySet
    request: ScoreRequest
    scores: frozenset[str]
    trail: Sequence[Checkpoint] = ()
    concepts: tuple[Concept, ...] = ()

    @property
    def influence(self) -> bool:
        """Whether any form of influence is computed."""
        return bool(self.scores & {"influence", "influence-rank"})

    @property
    def directed(self) -> bool:
        """Whether anything is computed along directions: influence, or that on concepts."""
        return self.influence or "concept" in self.scores

    @property
    def aims(self) -> int:
        """K, the groups and concepts that have a direction."""
        groups = len(self.queries.groups) if self.influence else 0
        return groups + (len(self.concepts) if "concept" in self.scores else 0)

    @property
    def based(self) -> bool:
        """Whether a base model goes over the pool, too."""
        return bool(self.scores & OF_ACTIVATIONS) and bool(self.request.base or self.request.adapter)

    @property
    def parameters(self) -> int:
        """Number of attributed weights: the length of one direction."""
        return sum(module.size for module in self.modules)

    def layer_groups(self, limit: int) -> list[list[LinearModule]]:
        """The layers in runs whose factors and query gradients take no more than so many bytes."""
        return layer_groups(self.modules, [self.layer_bytes(module) for module in self.modules], limit)

    def layer_bytes(self, module: LinearModule) -> int:
        """What one layer takes at the most, while its factors are fitted or its query gradients are collected."""
        fitting = fitting_bytes(module, self.model.dtype.itemsize, self.request.factor_block)
        gradients = 2 * max(1, self.aims) * module.size * max(4, self.model.dtype.itemsize)
        images = PROBES * (module.d_in + module.d_out) * max(4, self.model.dtype.itemsize)
        return max(fitting, gradients + images)


def possible_scores(request: ScoreRequest, queries: QuerySet) -> frozenset[str]:
    """The families that can be computed with these queries.

    Raises:
        ScoringError: None can: all that is asked for compares with queries, and there are none.
    """
    scores = frozenset(request.scores) if queries.queries else frozenset(request.scores) - OF_QUERIES
    if not scores:
        raise ScoringError(
            f"{', '.join(request.scores)} compares traces with queries, and there are none; "
            "add some with `curation queries PROJECT FILE --group gold`."
        )
    return scores


def attributes(scores: frozenset[str]) -> bool:
    """Whether a score is attributed to layers, be it in this model or in its checkpoints."""
    return needs_gradients(scores) or "less" in scores


def passes(scores: frozenset[str]) -> bool:
    """Whether the pool goes through the model itself."""
    return bool(scores - OF_THEIR_OWN)


def activation_sheet(work: Work, count: int) -> Activations:
    """What is kept of P traces' activations: the mean over each one's completion, at the layers of all concepts."""
    layers = {one.about.layer for one in work.concepts} if work.scores & OF_ACTIVATIONS else set()
    width = work.concepts[0].about.width if work.concepts else 0
    return Activations.of(layers, count, width, work.model.dtype, work.model.device)


def needs_gradients(scores: frozenset[str]) -> bool:
    """Whether a backward pass is needed."""
    return bool(scores & OF_GRADIENTS)


def read_queries(catalogue: Catalogue, model: LanguageModel) -> QuerySet:
    """Tokenise the project's queries; one that does not fit the model is left out, with the reason."""
    kept: list[Query] = []
    encoded: list[Encoded] = []
    left_out: list[str] = []
    for query in load_queries(catalogue):
        try:
            one = encode(
                model.tokenizer,
                query.prompt,
                query.completion,
                template=catalogue.project.template,
                system=query.system,
                token_weights=query.token_weights,
            )
        except ModelError as error:
            left_out.append(f"{query.query_id}: {error}")
            continue
        if len(one) > model.max_tokens:
            left_out.append(
                f"{query.query_id}: {len(one):,} tokens are more than the model's {model.max_tokens:,}"
            )
            continue
        kept.append(query)
        encoded.append(one)
    return QuerySet(kept, encoded, left_out)
