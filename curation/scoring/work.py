"""What a scoring run works with: the model, the pool in slices, the queries, the factors."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from safetensors.torch import load_file, save_file

from curation.errors import ModelError, ScoringError
from curation.models.encode import Encoded, encode
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.build import Asked, Low, build_directions
from curation.scoring.influence.cache import FactorCache, fitting_bytes, layer_groups
from curation.scoring.influence.directions import Directions
from curation.scoring.influence.fit import Fit
from curation.scoring.influence.queries import PROBES
from curation.scoring.job import Job
from curation.scoring.progress import Reporter
from curation.scoring.rds import Embedding
from curation.scoring.request import OF_GRADIENTS, OF_QUERIES, ScoreRequest
from curation.scoring.slices import read_slice
from curation.store.catalogue import Catalogue
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
        scores: The families that are computed: those asked for, less those that need queries where there are none.
    """

    catalogue: Catalogue
    model: LanguageModel
    modules: list[LinearModule]
    queries: QuerySet
    request: ScoreRequest
    scores: frozenset[str]

    @property
    def influence(self) -> bool:
        """Whether any form of influence is computed."""
        return bool(self.scores & {"influence", "influence-rank"})

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
        gradients = 2 * len(self.queries.groups) * module.size * max(4, self.model.dtype.itemsize)
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


def fit_of(request: ScoreRequest) -> Fit:
    """How a request wants factors to be fitted."""
    return Fit(
        covariance_traces=request.covariance_traces,
        stability=request.stability,
        damping=request.damping,
        block=request.factor_block,
        labels=request.labels,
        seed=request.seed,
    )


def sample_of(work: Work) -> list[str]:
    """The traces on which factors are fitted, in an order that only the seed decides."""
    rows = work.catalogue.rows(
        "SELECT trace_id FROM traces ORDER BY md5(trace_id || $1), trace_id LIMIT $2",
        [str(work.request.seed), work.request.factor_traces],
    )
    return [trace_id for (trace_id,) in rows]


def factor_cache(work: Work, groups: list[list[LinearModule]], ids: list[str]) -> FactorCache:
    """The place of the factors that a model, a sample and all settings that matter lead to."""
    content = {
        "model": [work.model.revision, str(work.model.dtype), work.catalogue.project.template],
        "layers": [[module.name for module in group] for group in groups],
        "sample": [ids, work.request.max_tokens],
        "fit": asdict(fit_of(work.request)),
    }
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    return FactorCache(work.catalogue.project.root / "factors" / key, work.model.device)


def factors_of(work: Work, job: Job, reporter: Reporter) -> FactorCache:
    """The EK-FAC factors: those of an earlier run with the same model, sample and settings, else fitted on a sample.

    Raises:
        ScoringError: No trace of the sample can be scored.
    """
    request = work.request
    ids, groups, fit = sample_of(work), work.layer_groups(job.room.layer_bytes), fit_of(request)
    cache = factor_cache(work, groups, ids)
    if cache.complete:
        return cache
    chosen = _read_sample(work, ids)
    cache.fit(
        work.model,
        groups,
        chosen,
        token_budget=job.room.token_budget,
        fit=fit,
        reporter=reporter,
    )
    return cache


def _read_sample(work: Work, ids: list[str]) -> list[Encoded]:
    chosen = read_slice(
        work.catalogue,
        work.model,
        ids,
        template=work.catalogue.project.template,
        max_tokens=work.request.max_tokens,
        ordered=True,
    )
    if not chosen.encoded:
        raise ScoringError(f"No trace can be scored with {work.model.name}: {chosen.unscored[0][1]}.")
    return chosen.encoded


def directions_of(work: Work, job: Job, reporter: Reporter) -> tuple[Directions | None, Embedding]:
    """The queries' directions and their embeddings: from the job's folder if an earlier try got so far."""
    embedding = Embedding()
    queries = work.queries
    if not queries.queries:
        return None, embedding
    vectors, path = job.folder / "query-vectors.safetensors", job.folder / "directions.safetensors"
    if vectors.exists() and (path.exists() or not work.influence):
        embedding.vectors.update({int(i): vector for i, vector in load_file(vectors).items()})
        return (Directions.load(path, work.model.device) if work.influence else None), embedding
    directions = None
    if work.influence:
        request, layers = work.request, work.layer_groups(job.room.layer_bytes)
        astra = request.solver == "astra"
        if astra and len(layers) > 1:
            raise ScoringError(
                "The astra solver needs the gradients of all layers at once, which do not fit into memory; "
                "use --solver ekfac, fewer layers by --modules, or a machine with more."
            )
        cache = factors_of(work, job, reporter)
        ids = [query.query_id for query in queries.queries]
        groups = [query.group for query in queries.queries]
        directions = build_directions(
            work.model,
            layers,
            cache,
            Asked(queries.encoded, ids, groups, singly="influence-rank" in work.scores),
            Low(
                request.tolerance,
                request.rank,
                request.damping,
                _read_sample(work, sample_of(work)) if astra else (),
            ),
            token_budget=job.room.token_budget,
            reporter=reporter,
            also=[embedding],
        )
        directions.save(path)
    else:
        reporter.start("queries", sum(len(one) for one in queries.encoded))
        for batch in batches_of(work.model, queries.encoded, job.room.token_budget):
            fused_pass(work.model, batch, [embedding])
            reporter.advance(batch.tokens, batch.tokens)
        reporter.finish()
    save_file({str(i): vector.cpu() for i, vector in embedding.vectors.items()}, vectors)
    return directions, embedding
