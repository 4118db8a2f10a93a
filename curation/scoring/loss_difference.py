"""LossDiff: how much learning a group's queries lowers the loss of each trace (2510.13212; METHODS 6)."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.job import Job
from curation.scoring.likelihood import Likelihood
from curation.scoring.margin import Pairs, pairs_of, score_margins
from curation.scoring.over_pool import over_pool
from curation.scoring.progress import Reporter
from curation.scoring.shard_tables import by_trace
from curation.scoring.shards import OnBatch
from curation.scoring.slices import Slice
from curation.scoring.tuned import tuned_groups, tuned_model
from curation.scoring.work import Work


def score_loss_differences(job: Job, work: Work, slices: list[list[str]], reporter: Reporter) -> list[str]:
    """Shards of lossdiff and irm, one fine-tuning and one forward pass over the pool for each group.

    The losses before are those of the pass over the pool, which has to be done.

    Returns:
        Sentences about what was left out.
    """
    groups = tuned_groups(work.queries)
    notes = [
        f"Group {group} has token weights below 0, so lossdiff and irm were left out for it."
        for group in work.queries.groups
        if group not in groups
    ]
    losses = pa.concat_tables([pq.read_table(path) for path in job.shards("losses")])
    before = dict(zip(losses["trace_id"].to_pylist(), losses["value"].to_pylist(), strict=True))
    pairs = pairs_of(work, slices) if "irm" in work.scores else None
    if pairs and not pairs.traces:
        notes.append(
            "No trace has a right or wrong counterpart, so irm was computed for none; sample answers to the traces' "
            "problems with `curation rollouts --no-queries`."
        )
    if "lossdiff" not in work.scores and not (pairs and pairs.traces):
        return notes
    for group in groups:
        _score_group(job, work, slices, group, before, pairs, reporter)
    return notes


def _score_group(
    job: Job,
    work: Work,
    slices: list[list[str]],
    group: str,
    before: dict[str, float],
    pairs: Pairs | None,
    reporter: Reporter,
) -> None:
    tuned = replace(work, model=tuned_model(job, work, group, reporter))
    stage = f"lossdiff-{work.queries.groups.index(group)}"

    def compute(part: Slice, budget: int, told: OnBatch) -> dict[str, pa.Table]:
        return difference_slice(tuned, part, group, before, budget, told)

    over_pool(job, tuned, slices, reporter, compute, stage=stage)
    if pairs and pairs.traces:
        score_margins(job, work, tuned, pairs, group, reporter)


def difference_slice(
    tuned: Work, part: Slice, group: str, before: dict[str, float], token_budget: int, on_batch: OnBatch
) -> dict[str, pa.Table]:
    """The loss differences of a slice: tables scores and gains.

    Args:
        tuned: The run, with the model that has learnt the group.
        part: The slice.
        group: Its name.
        before: Trace id -> nats of its completion by the run's own model.
        token_budget: Tokens a batch.
        on_batch: Told the number of tokens after each batch.

    Returns:
        Table scores: lossdiff, in nats a completion token, positive where learning the group lowers the trace's loss. Table
        gains: the same in nats, summed over tokens, under the group's name.
    """
    likelihood = Likelihood.of(len(part.encoded), tuned.model.device)
    for batch in batches_of(tuned.model, part.encoded, token_budget):
        fused_pass(tuned.model, batch, [likelihood])
        on_batch(batch.tokens)
    old = torch.tensor([before[trace_id] for trace_id in part.trace_ids], dtype=torch.float64)
    gain = old - likelihood.nll.cpu()
    columns = {f"lossdiff/{group}": gain / likelihood.tokens.cpu()} if "lossdiff" in tuned.scores else {}
    return {"scores": by_trace(part.trace_ids, columns), "gains": by_trace(part.trace_ids, {group: gain})}
