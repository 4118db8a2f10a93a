"""A scoring run from beginning to end: load, fit, pass over the pool shard by shard, publish; resumable anywhere."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from curation.errors import ScoringError
from curation.models.linear import Coverage, coverage
from curation.models.load import load_model
from curation.scoring.concepts.activations import score_base
from curation.scoring.difficulty import score_difficulty
from curation.scoring.job import Job, discard_job, open_job
from curation.scoring.less import less
from curation.scoring.loss_difference import score_loss_differences
from curation.scoring.over_pool import over_pool
from curation.scoring.prepare import further_inputs, prepare, trail_of
from curation.scoring.progress import OnProgress, Reporter
from curation.scoring.publish import publish_run
from curation.scoring.rds import Embedding
from curation.scoring.request import ScoreRequest
from curation.scoring.room import room_for
from curation.scoring.scored import Scored, finished_run
from curation.scoring.segments import segment_slice
from curation.scoring.shards import counted_slice, score_slice, step_slice
from curation.scoring.slices import cut
from curation.scoring.stages import directions_of
from curation.scoring.work import QuerySet, Work, passes
from curation.store.catalogue import open_catalogue
from curation.store.project import Project


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
        request = replace(request, dtype=str(model.dtype).removeprefix("torch."))
        inputs = [name for name in catalogue.files if name.startswith(("batches/", "queries/"))]
        trail = trail_of(request)
        revision = "+".join([model.revision, *(checkpoint.revision for checkpoint in trail)])
        inputs += further_inputs(project, request)
        key = request.key(revision=revision, files=inputs, template=project.template)
        if run_id := finished_run(catalogue, key):
            discard_job(project, run_id)  # a kill between publishing and this leaves its shards
            return Scored(run_id, already_there=True)
        work = prepare(catalogue, model, request, trail)
        with open_job(project, key, room_for(work)) as job:
            torch.set_num_threads(job.room.threads)
            notes = _run(project, job, work, key, started, on_progress)
            discard_job(project, job.run_id)
        return Scored(job.run_id, already_there=False, notes=notes)
    finally:
        catalogue.close()


def _run(
    project: Project, job: Job, work: Work, key: str, started: datetime, on_progress: OnProgress | None
) -> list[str]:
    reporter = Reporter(job.folder / "progress.json", on_progress)
    covered = coverage(work.model, work.modules) if work.modules else None
    slices = cut(work.catalogue)
    ids = [[trace_id for trace_id, _ in one] for one in slices]
    directions, embedding = directions_of(work, job, reporter)
    vectors = _vectors_by_group(work.queries, embedding)
    over_pool(
        job,
        work,
        ids,
        reporter,
        lambda part, budget, told: (
            score_slice(work, part, directions, vectors, budget, told)
            if passes(work.scores)
            else counted_slice(part)
        ),
    )
    if work.based:
        score_base(job, work, ids, reporter)
    if directions and work.request.steps != "none":
        chosen = _to_be_split(job, directions.scores, ids, work.request.steps)
        over_pool(
            job,
            work,
            chosen,
            reporter,
            lambda part, budget, told: step_slice(work, part, directions, budget, told),
            stage="steps",
        )
    if "less" in work.scores:
        less(work, job, ids, reporter)
    if "segments" in work.scores:
        over_pool(
            job,
            work,
            ids,
            reporter,
            lambda part, budget, told: segment_slice(work, part, budget, told),
            stage="segments",
        )
    said: list[str] = []
    if {"lossdiff", "irm"} & work.scores:
        said += score_loss_differences(job, work, ids, reporter)
    if "difficulty" in work.scores:
        said += score_difficulty(job, work, ids)
    reporter.start("publishing", 0)
    publish_run(
        project,
        job,
        work,
        key=key,
        coverage=covered,
        directions=directions,
        query_vectors=embedding,
        timings=reporter.timings,
        started=started,
    )
    reporter.finish()
    return [*_notes(work, covered), *said]


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
    others = [one.about.name for one in work.concepts if one.about.revision != work.model.revision]
    if others:
        notes.append(f"Made in another model than the one scored: {', '.join(others)}.")
    if work.queries.left_out:
        notes.append(
            f"{len(work.queries.left_out)} queries were left out; the first: {work.queries.left_out[0]}."
        )
    return notes


def _to_be_split(job: Job, names: list[str], ids: list[list[str]], asked: str) -> list[list[str]]:
    """The traces whose steps are asked for, slice by slice: all, or those at either end of each of the rankings."""
    if asked == "all":
        return ids
    table = pa.concat_tables([pq.read_table(path) for path in job.shards("scores")])
    wanted: set[str] = set()
    for name in names:
        of_name = table.filter(pc.equal(table["name"], name))
        ranked = of_name.sort_by([("value", "ascending"), ("trace_id", "ascending")])["trace_id"]
        ends = [*ranked[: int(asked)], *ranked[max(0, len(ranked) - int(asked)) :]]
        wanted |= {one.as_py() for one in ends}
    return [[one for one in some if one in wanted] for some in ids]


def _vectors_by_group(queries: QuerySet, embedding: Embedding) -> dict[str, torch.Tensor]:
    """Unit embeddings of each group's queries: group -> (V, H)."""
    if not queries.queries:
        return {}
    stacked = embedding.stacked()
    members = {name: [query.group == name for query in queries.queries] for name in queries.groups}
    return {name: stacked[torch.tensor(rows)] for name, rows in members.items()}
