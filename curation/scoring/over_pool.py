"""A stage that goes over the whole pool, slice by slice, and keeps what it found of each as a shard."""

from collections.abc import Callable
from functools import partial

import pyarrow as pa

from curation.scoring.job import Job
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter
from curation.scoring.shards import OnBatch
from curation.scoring.slices import Slice, read_slice
from curation.scoring.work import Work


def over_pool(
    job: Job,
    work: Work,
    slices: list[list[str]],
    reporter: Reporter,
    compute: Callable[[Slice, int, OnBatch], dict[str, pa.Table]],
    *,
    stage: str = "scoring",
) -> None:
    """Compute and keep every shard that is not there yet, so that a killed job goes on at the first that is missing.

    Args:
        job: Where shards are kept, as `STAGE-NUMBER`.
        work: What is scored, and with which model.
        slices: The ids of each slice's traces.
        reporter: Told how many traces are done.
        compute: Slice, tokens a batch, a function to be told the tokens of each batch -> the shard's tables. It is
            called again with a smaller budget where memory does not suffice.
        stage: Its name.
    """
    total = sum(len(one) for one in slices)
    names = [f"{stage}-{number:06d}" for number in range(len(slices))]
    there = [job.has(name) for name in names]
    reporter.start(stage, total, done=sum(len(one) for one, done in zip(slices, there, strict=True) if done))
    for name, ids, done in zip(names, slices, there, strict=True):
        if done or not ids:
            continue
        part = read_slice(
            work.catalogue,
            work.model,
            ids,
            template=work.catalogue.project.template,
            max_tokens=work.request.max_tokens,
        )
        tokens = sum(len(one) for one in part.encoded)
        before = reporter.done
        told = partial(_advance, reporter, len(ids) / max(1, tokens))
        job.write(name, within_memory(lambda budget: compute(part, budget, told), job.room.token_budget))  # noqa: B023
        reporter.reach(before + len(ids))
    reporter.finish()


def _advance(reporter: Reporter, traces_a_token: float, tokens: int) -> None:
    reporter.advance(traces_a_token * tokens, tokens)
