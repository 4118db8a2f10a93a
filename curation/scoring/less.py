"""LESS (2402.04333): Adam's step on a trace against the gradient of the targets, over the checkpoints of a training."""

from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from curation.errors import ScoringError
from curation.models.moments import Checkpoint, read_moments
from curation.scoring.features import (
    PoolFeatures,
    at_checkpoint,
    normalised,
    pool_features,
    projected,
    trace_features,
)
from curation.scoring.job import Job
from curation.scoring.memory import within_memory
from curation.scoring.over_pool import over_pool
from curation.scoring.progress import Reporter
from curation.scoring.shard_tables import by_trace
from curation.scoring.vector_columns import vector_column, vectors_of
from curation.scoring.work import Work
from curation.store.ingest import in_turn


def less(work: Work, job: Job, slices: list[list[str]], reporter: Reporter) -> None:
    """Score the pool by LESS, as shards of the job; the pool's features stay in the project for other targets.

    score(d) = max over subtasks of the mean over the subtask's queries q of
    sum_i eta_i / sum(eta) cos(Adam's step on d at checkpoint i, grad L(q) at checkpoint i), equation 3 and section 4.
    A group of queries is a target, and what came from one source is a subtask of it. Positive: a step of the optimiser
    on the trace raises the log-likelihood of the queries.

    Args:
        work: What is scored; its trail are the checkpoints.
        job: Where the shards go.
        slices: The ids of each slice's traces.
        reporter: Told of each stage.

    Raises:
        ModelError: A checkpoint cannot be loaded, or its moments do not fit it.
        ScoringError: No query of a group has a gradient with a direction.
    """
    pools, targets = [], []
    for checkpoint in work.trail:
        pools.append(pool_features(work, checkpoint, slices, job.room))
        targets.append(_targets(work, job, checkpoint, pools[-1], slices, reporter))
    subtasks = _subtasks(work, targets)
    shares = mean_rates(work.trail)
    reporter.start("less", len(slices))
    for number in range(len(slices)):
        if not job.has(f"less-{number:06d}"):
            read = [pool.read(number) for pool in pools]
            cosines = sum(
                share * (features @ target.T)
                for share, (_, features), target in zip(shares, read, targets, strict=True)
            )
            assert isinstance(cosines, Tensor)
            columns = {f"less/{group}": best_mean(cosines, of) for group, of in subtasks.items()}
            job.write(f"less-{number:06d}", {"scores": by_trace(read[0][0], columns)})
        reporter.reach(number + 1)
    reporter.finish()


def mean_rates(trail: Sequence[Checkpoint]) -> list[float]:
    """Each checkpoint's share of the learning rates: eta_i / sum(eta), eta_i the mean since the checkpoint before."""
    rates = [checkpoint.step.mean_learning_rate for checkpoint in trail]
    return [rate / sum(rates) for rate in rates]


def best_mean(cosines: Tensor, subtasks: Sequence[Sequence[int]]) -> Tensor:
    """(P,) the highest of the means of (P, V) cosines over the queries of each subtask."""
    return torch.stack([cosines[:, list(queries)].mean(1) for queries in subtasks]).amax(0)


def _targets(
    work: Work,
    job: Job,
    checkpoint: Checkpoint,
    pool: PoolFeatures,
    slices: list[list[str]],
    reporter: Reporter,
) -> Tensor:
    """(V, width) unit features of the queries at a checkpoint; on the way there, the pool's, if they are not kept."""
    shard = f"less-queries-{checkpoint.step.step}"
    if not (pool.complete and job.has(shard)):
        there = at_checkpoint(work, checkpoint)
        with in_turn(pool.job.folder):
            if not pool.complete:
                moments = read_moments(checkpoint, there.modules, there.model.dtype, there.model.device)
                over_pool(
                    pool.job,
                    there,
                    slices,
                    reporter,
                    lambda part, budget, told: trace_features(there, part, moments, budget, told),
                    stage=pool.stage,
                )
        reporter.start(shard, sum(len(one) for one in work.queries.encoded))
        told = partial(_advance, reporter)
        features = within_memory(
            lambda budget: projected(there, work.queries.encoded, budget, told), job.room.token_budget
        )
        reporter.finish()
        column = vector_column(normalised(features).float())
        job.write(shard, {"query_features": pa.table({"feature": column})})
    return vectors_of(pq.read_table(job.folder / shard / "query_features.parquet"), "feature")


def _advance(reporter: Reporter, tokens: int) -> None:
    reporter.advance(tokens, tokens)


def _subtasks(work: Work, targets: Sequence[Tensor]) -> dict[str, list[list[int]]]:
    """Group -> for each source of its queries, their places; without queries whose gradient has no direction."""
    sources = dict(work.catalogue.rows("SELECT query_id, coalesce(source, '') FROM queries"))
    finite = torch.stack([target.isfinite().all(1) for target in targets]).all(0).tolist()
    found: dict[str, dict[str, list[int]]] = {group: {} for group in work.queries.groups}
    for place, query in enumerate(work.queries.queries):
        if finite[place]:
            found[query.group].setdefault(sources[query.query_id], []).append(place)
    for group, by_source in found.items():
        if not by_source:
            raise ScoringError(
                f"No query of the group {group} has a gradient that LESS can compare with; leave less out of --scores."
            )
    return {group: list(by_source.values()) for group, by_source in found.items()}
