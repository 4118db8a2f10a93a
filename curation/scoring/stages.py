"""The stages before the pool: factors, from an earlier run or fitted anew, and the queries' directions and embeddings."""

import hashlib
import json
from dataclasses import asdict

from safetensors.torch import load_file, save_file

from curation.errors import ScoringError
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.scoring.concepts.measure import TRACES, projections, texts_of_group
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.build import Asked, build_directions
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.directions import Directions
from curation.scoring.influence.fit import Fit
from curation.scoring.influence.precondition import Low
from curation.scoring.job import Job
from curation.scoring.progress import Reporter
from curation.scoring.rds import Embedding
from curation.scoring.request import ScoreRequest
from curation.scoring.slices import read_slice
from curation.scoring.work import QuerySet, Work


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


def _asked(work: Work) -> Asked:
    """What gradients are wanted of: the queries, if influence is, and the concepts on their texts."""
    used = work.queries if work.influence else QuerySet([], [])
    concepts = projections(work.concepts, work.model) if "concept" in work.scores else {}
    return Asked(
        used.encoded,
        [query.query_id for query in used.queries],
        [query.group for query in used.queries],
        singly="influence-rank" in work.scores,
        concepts=concepts,
        texts=concept_texts(work) if concepts else [],
    )


def concept_texts(work: Work) -> list[Encoded]:
    """The completions on which concepts are measured: a group of queries, or a seeded sample of traces."""
    groups = [query.group for query in work.queries.queries]
    return texts_of_group(work.queries.encoded, groups) or _read_sample(work, sample_of(work)[:TRACES])


def directions_of(work: Work, job: Job, reporter: Reporter) -> tuple[Directions | None, Embedding]:
    """The directions of queries and concepts, and the queries' embeddings: from the job's folder if an earlier try got so far.

    Raises:
        ScoringError: No trace can be scored.
    """
    embedding = Embedding()
    queries = work.queries
    if not queries.queries and not work.directed:
        return None, embedding
    vectors, path = job.folder / "query-vectors.safetensors", job.folder / "directions.safetensors"
    if vectors.exists() and (path.exists() or not work.directed):
        embedding.vectors.update({int(i): vector for i, vector in load_file(vectors).items()})
        return (Directions.load(path, work.model.device) if work.directed else None), embedding
    directions = None
    if work.directed:
        request, layers = work.request, work.layer_groups(job.room.layer_bytes)
        astra = request.solver == "astra"
        if astra and len(layers) > 1:
            raise ScoringError(
                "The astra solver needs the gradients of all layers at once, which do not fit into memory; "
                "use --solver ekfac, fewer layers by --modules, or a machine with more."
            )
        cache = factors_of(work, job, reporter)
        directions = build_directions(
            work.model,
            layers,
            cache,
            _asked(work),
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
    if not work.influence:
        reporter.start("queries", sum(len(one) for one in queries.encoded))
        for batch in batches_of(work.model, queries.encoded, job.room.token_budget):
            fused_pass(work.model, batch, [embedding])
            reporter.advance(batch.tokens, batch.tokens)
        reporter.finish()
    save_file({str(i): vector.cpu() for i, vector in embedding.vectors.items()}, vectors)
    return directions, embedding
