"""IRM: DPO's implicit reward margin between right and wrong completions of a problem (2305.18290, 2510.13212; METHODS 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from curation.errors import ModelError
from curation.models.encode import Encoded, encode
from curation.models.grade import grade
from curation.scoring.difficulty import Asked, graded_answers
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.job import Job
from curation.scoring.likelihood import Likelihood
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter
from curation.scoring.shard_tables import by_trace
from curation.scoring.slices import SLICE_TRACES
from curation.scoring.work import Work

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Graded:
    """A completion whose problem and correctness are known.

    Attributes:
        problem: Number of its problem.
        is_correct: Whether it is right.
    """

    problem: int
    is_correct: bool


@dataclass(frozen=True)
class Pairs:
    """The completions of problems that have a right and a wrong one.

    Attributes:
        traces: Trace id -> what is known of a trace of the pool.
        answers: What is known of each kept answer.
        encoded: The tokens of each kept answer.
    """

    traces: Mapping[str, Graded]
    answers: Sequence[Graded]
    encoded: Sequence[Encoded]


def pairs_of(work: Work, slices: list[list[str]]) -> Pairs:
    """Traces, graded by their own reference answers, and kept answers to their problems, as far as they form pairs.

    An answer that was cut off or is empty counts for nothing, and one text twice for one.
    """
    problems: dict[Asked, int] = {}
    traces: dict[str, Graded] = {}
    for some in slices:
        for trace_id, system, prompt, response, answer in work.catalogue.rows(
            """SELECT trace_id, system, prompt, response, answer FROM traces
               WHERE trace_id IN (SELECT unnest($1)) AND answer <> '' ORDER BY trace_id""",
            [some],
        ):
            problem = problems.setdefault((system or "", prompt), len(problems))
            traces[trace_id] = Graded(problem, grade(response, answer).is_correct)
    answers: list[tuple[Graded, Encoded]] = []
    seen: set[tuple[int, str]] = set()
    for (system, prompt), answer in graded_answers(work.catalogue.project):
        place = problems.get((system, prompt))
        if (
            place is None
            or not answer.finished
            or not answer.completion
            or (place, answer.completion) in seen
        ):
            continue
        seen.add((place, answer.completion))
        if encoded := _encoded(work, system, prompt, answer.completion):
            answers.append((Graded(place, bool(answer.is_correct)), encoded))
    every = [*traces.values(), *(graded for graded, _ in answers)]
    both = {one.problem for one in every if one.is_correct} & {
        one.problem for one in every if not one.is_correct
    }
    answers = [one for one in answers if one[0].problem in both]
    return Pairs(
        {trace_id: one for trace_id, one in traces.items() if one.problem in both},
        [graded for graded, _ in answers],
        [encoded for _, encoded in answers],
    )


def margins(
    traces: Sequence[Graded], gains: Floats, answers: Sequence[Graded], answer_gains: Floats, beta: float
) -> Floats:
    """(P,) beta x (gain of the trace - mean gain of its problem's completions of the other kind), in nats.

    For a right trace that is the mean of DPO's implicit reward margin over its pairs; for a wrong one minus that, since it
    is the trace that would be learnt. A gain is log p after learning the group - log p before.

    Args:
        traces: P traces.
        gains: (P,) theirs.
        answers: A answers.
        answer_gains: (A,) theirs.
        beta: DPO's.

    Returns:
        NaN for traces without a counterpart.
    """
    every = [*traces, *answers]
    place = np.array([2 * one.problem + one.is_correct for one in every], dtype=np.int64)
    size = int(place.max(initial=0)) + 2
    gain = np.concatenate([gains, answer_gains])
    total, count = np.bincount(place, gain, size), np.bincount(place, minlength=size)
    other = place[: len(traces)] ^ 1
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = beta * (gains - total[other] / count[other])
    return found


def score_margins(job: Job, work: Work, tuned: Work, pairs: Pairs, group: str, reporter: Reporter) -> None:
    """A shard of irm for one group, once the gains of all traces are there; NaN for traces without a pair."""
    number = work.queries.groups.index(group)
    if job.has(f"irm-{number}"):
        return
    after = _losses(job, tuned, pairs.encoded, f"answers-{number}", reporter)
    answer_gains = _losses(job, work, pairs.encoded, "answers-before", reporter) - after
    table = pa.concat_tables([pq.read_table(path) for path in job.shards("gains")])
    mine = table.filter(pc.equal(table["name"], group))
    ids, gains = mine["trace_id"].to_pylist(), mine["value"].to_numpy()
    inside = np.array([trace_id in pairs.traces for trace_id in ids], dtype=bool)
    values = np.full(len(ids), np.nan)
    values[inside] = margins(
        [pairs.traces[trace_id] for trace_id in ids if trace_id in pairs.traces],
        gains[inside],
        pairs.answers,
        answer_gains,
        work.request.irm_beta,
    )
    job.write(f"irm-{number}", {"scores": by_trace(ids, {f"irm/{group}": torch.from_numpy(values)})})


def _losses(job: Job, work: Work, encoded: Sequence[Encoded], stage: str, reporter: Reporter) -> Floats:
    """(A,) nats of each answer by the work's model, kept in shards."""
    reporter.start(stage, len(encoded))
    found = [np.zeros(0)]
    for start in range(0, len(encoded), SLICE_TRACES):
        name, some = f"{stage}-{start // SLICE_TRACES:06d}", encoded[start : start + SLICE_TRACES]
        if not job.has(name):
            nll = within_memory(lambda budget: _nll(work, some, budget), job.room.token_budget)  # noqa: B023
            job.write(name, {"answer_losses": pa.table({"nll": nll})})
        found.append(pq.read_table(job.folder / name / "answer_losses.parquet")["nll"].to_numpy())
        reporter.reach(start + len(some))
    reporter.finish()
    return np.concatenate(found)


def _nll(work: Work, encoded: Sequence[Encoded], token_budget: int) -> Floats:
    likelihood = Likelihood.of(len(encoded), work.model.device)
    for batch in batches_of(work.model, encoded, token_budget):
        fused_pass(work.model, batch, [likelihood])
    values: Floats = likelihood.nll.cpu().numpy()
    return values


def _encoded(work: Work, system: str, prompt: str, completion: str) -> Encoded | None:
    """The tokens of an answer; None where it does not fit the model."""
    template = work.catalogue.project.template
    try:
        one = encode(work.model.tokenizer, prompt, completion, template=template, system=system)
    except ModelError:
        return None
    return one if one.completion_length and len(one) <= work.model.max_tokens else None
