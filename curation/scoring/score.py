"""A scoring run from beginning to end: load, fit, pass over the pool shard by shard, publish; resumable anywhere."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import torch

from curation.errors import ScoringError
from curation.models.linear import Coverage, coverage, linear_modules
from curation.models.load import LanguageModel, load_model
from curation.scoring.influence.directions import (
    GroupDirections,
    group_directions,
    group_weights,
    query_directions,
)
from curation.scoring.influence.factors import Factors
from curation.scoring.job import Job, discard_job, open_job
from curation.scoring.progress import OnProgress, Reporter
from curation.scoring.publish import publish_run
from curation.scoring.rds import Embedding
from curation.scoring.request import ScoreRequest
from curation.scoring.shards import OnBatch, score_queries, score_slice
from curation.scoring.slices import Slice, cut, read_slice
from curation.scoring.work import (
    QuerySet,
    Work,
    factors_of,
    needs_gradients,
    possible_scores,
    query_gradients,
    read_queries,
)
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project


@dataclass(frozen=True)
class Scored:
    """What came of a request.

    Attributes:
        run_id: The run that answers it.
        already_there: It had been there before.
        notes: Sentences about what was left out and what is attributed.
    """

    run_id: str
    already_there: bool
    notes: list[str] = field(default_factory=list)


def score(project: Project, request: ScoreRequest, *, on_progress: OnProgress | None = None) -> Scored:
    """Score every trace of a project with a model and publish the run.

    Killed anywhere, the same call continues at the first shard that is missing and ends with the same values. A
    request that a published run has answered is answered by that run.

    Args:
        project: The project.
        request: The model, the scores and their settings.
        on_progress: Told how far each stage is.

    Raises:
        ModelError: The model cannot be loaded, or has nothing to attribute influence to.
        ScoringError: There is no trace, or no query where all that is asked for needs one, or a file is damaged.
    """
    started = datetime.now(UTC)
    catalogue = open_catalogue(project)
    try:
        if problem := catalogue.damage("batches", "queries"):
            raise ScoringError(f"Nothing was scored, since a file is damaged. {problem}")
        if not catalogue.rows("SELECT count(*) FROM traces")[0][0]:
            raise ScoringError(
                "The project has no traces; bring some in with `curation ingest PROJECT SOURCE`."
            )
        model = load_model(request.model, adapter=request.adapter, dtype=request.dtype, device=request.device)
        inputs = [name for name in catalogue.files if name.startswith(("batches/", "queries/"))]
        key = request.key(revision=model.revision, files=inputs, template=project.template)
        if run_id := finished_run(catalogue, key):
            discard_job(project, run_id)  # a kill between publishing and this leaves its shards
            return Scored(run_id, already_there=True)
        work = prepare(catalogue, model, request)
        with open_job(project, key) as job:
            torch.set_num_threads(job.threads)
            notes = _run(project, job, work, key, started, on_progress)
            discard_job(project, job.run_id)
        return Scored(job.run_id, already_there=False, notes=notes)
    finally:
        catalogue.close()


def finished_run(catalogue: Catalogue, key: str) -> str | None:
    """The published run that answers a request's key."""
    for run_id, parameters in catalogue.rows("SELECT run_id, parameters FROM run ORDER BY finished DESC"):
        if json.loads(parameters or "{}").get("key") == key:
            return str(run_id)
    return None


def prepare(catalogue: Catalogue, model: LanguageModel, request: ScoreRequest) -> Work:
    """Find out what can be computed: queries that fit, scores that they allow, layers to attribute."""
    queries = read_queries(catalogue, model)
    scores = possible_scores(request, queries)
    modules = linear_modules(model, request.modules) if needs_gradients(scores) else []
    return Work(catalogue, model, modules, queries, request, scores)


def _run(
    project: Project, job: Job, work: Work, key: str, started: datetime, on_progress: OnProgress | None
) -> list[str]:
    reporter = Reporter(job.folder / "progress.json", on_progress)
    covered = coverage(work.model, work.modules) if work.modules else None
    slices = cut(work.catalogue)
    embedding = Embedding()
    factors = factors_of(work, job, reporter) if work.influence else {}
    _first_pass(job, work, slices, factors, embedding, reporter)
    if "influence-rank" in work.scores:
        _query_passes(job, work, slices, factors, reporter)
    del factors
    reporter.start("publishing", 0)
    publish_run(
        project,
        job,
        work,
        key=key,
        coverage=covered,
        query_vectors=embedding,
        timings=reporter.timings,
        started=started,
    )
    reporter.finish()
    return _notes(work, covered)


def _notes(work: Work, covered: Coverage | None) -> list[str]:
    notes = []
    if covered:
        notes.append(
            f"Influence is attributed to {covered.modules} layers, {covered.share:.1%} of the parameters."
        )
    if missing := sorted(set(work.request.scores) - work.scores):
        notes.append(
            f"The project has no queries, so {', '.join(missing)} were left out; add some with `curation queries`."
        )
    if work.queries.left_out:
        notes.append(
            f"{len(work.queries.left_out)} queries were left out; the first: {work.queries.left_out[0]}."
        )
    return notes


def _first_pass(
    job: Job,
    work: Work,
    slices: list[list[tuple[str, int]]],
    factors: dict[str, Factors],
    embedding: Embedding,
    reporter: Reporter,
) -> None:
    """Every score but those of single queries, over the whole pool."""
    groups: GroupDirections | None = None
    vectors: dict[str, torch.Tensor] = {}
    if work.queries.queries:
        names = work.queries.groups
        weights = group_weights([query.group for query in work.queries.queries], names)
        everyone = range(len(work.queries.queries))
        precision = torch.float64 if work.model.dtype == torch.float64 else torch.float32
        raw = query_gradients(work, everyone, weights, precision, reporter, embedding)
        if work.influence:
            groups = group_directions(raw, factors, names, damping=work.request.damping, reporter=reporter)
        vectors = _vectors_by_group(work.queries, embedding)
    passes = 1 + bool(groups and work.request.by_step)
    _over_pool(
        job,
        work,
        slices,
        reporter,
        lambda part, told: score_slice(work, part, groups, vectors, told),
        passes=passes,
    )


def _query_passes(
    job: Job, work: Work, slices: list[list[tuple[str, int]]], factors: dict[str, Factors], reporter: Reporter
) -> None:
    """Influence on single queries, as many at a time as fit the memory set aside for their directions."""
    size = work.parameters * torch.finfo(work.model.dtype).bits // 8
    at_once = max(1, int(work.request.direction_gb * 1e9) // size)
    total = len(work.queries.queries)
    for first in range(0, total, at_once):
        chosen = range(first, min(first + at_once, total))
        stage = f"queries {chosen.start + 1} to {chosen.stop} of {total}"
        prefix = f"queries{first:06d}"
        if all(job.has(f"{prefix}-{number:06d}") for number in range(len(slices))):
            continue
        raw = query_gradients(work, chosen, torch.eye(len(chosen)), work.model.dtype, reporter)
        directions = query_directions(raw, factors, damping=work.request.damping, reporter=reporter)
        ids = [work.queries.queries[index].query_id for index in chosen]
        compute = partial(score_queries, work, query_ids=ids, directions=directions)
        _over_pool(job, work, slices, reporter, compute, prefix=prefix, stage=stage)


def _over_pool(
    job: Job,
    work: Work,
    slices: list[list[tuple[str, int]]],
    reporter: Reporter,
    compute: Callable[[Slice, OnBatch], dict[str, pa.Table]],
    *,
    prefix: str = "pool",
    stage: str = "scoring",
    passes: int = 1,
) -> None:
    """Compute and keep every shard that is not there yet; `passes` says how often each token is gone through."""
    sizes = [sum(characters for _, characters in one) for one in slices]
    names = [f"{prefix}-{number:06d}" for number in range(len(slices))]
    there = [job.has(name) for name in names]
    reporter.start(stage, sum(sizes), done=sum(size for size, done in zip(sizes, there, strict=True) if done))
    for name, ids, size, done in zip(names, slices, sizes, there, strict=True):
        if done:
            continue
        part = read_slice(
            work.catalogue,
            work.model,
            [trace_id for trace_id, _ in ids],
            template=work.catalogue.project.template,
            max_tokens=work.request.max_tokens,
        )
        share = size / max(1, passes * sum(len(one) for one in part.encoded))
        job.write(name, compute(part, partial(_advance, reporter, share)))
    reporter.finish()


def _advance(reporter: Reporter, share: float, tokens: int) -> None:
    reporter.advance(round(share * tokens), tokens)


def _vectors_by_group(queries: QuerySet, embedding: Embedding) -> dict[str, torch.Tensor]:
    """Unit embeddings of each group's queries: group -> (V, H)."""
    stacked = embedding.stacked()
    members = {name: [query.group == name for query in queries.queries] for name in queries.groups}
    return {name: stacked[torch.tensor(rows)] for name, rows in members.items()}
