"""Difficulty of a trace's problem: the share of a project's kept answers to it that are wrong (for 2505.17266)."""

from collections.abc import Iterator

import torch

from curation.scoring.job import Job
from curation.scoring.shard_tables import by_trace
from curation.scoring.work import Work
from curation.store.kept_answers import Answer, answer_files, read_answers
from curation.store.project import Project

# System message and prompt: what makes two problems the same.
Asked = tuple[str, str]


def graded_answers(project: Project) -> Iterator[tuple[Asked, Answer]]:
    """The project's kept answers that could be graded, of all models, in the order of their files.

    Raises:
        ProjectError: A file of answers is damaged.
    """
    for path in answer_files(project):
        for answer in read_answers(path):
            if answer.is_correct is not None:
                yield (answer.system, answer.prompt), answer


def failure_rates(project: Project) -> dict[Asked, float]:
    """Problem -> the share of its graded answers that are wrong, in [0, 1]; one that was cut off is wrong."""
    counts: dict[Asked, list[int]] = {}
    for asked, answer in graded_answers(project):
        tally = counts.setdefault(asked, [0, 0])
        tally[0] += not answer.is_correct
        tally[1] += 1
    return {asked: wrong / graded for asked, (wrong, graded) in counts.items()}


def score_difficulty(job: Job, work: Work, slices: list[list[str]]) -> list[str]:
    """A shard of difficulty: NaN for traces whose problem no kept answer is about.

    Returns:
        A sentence if there is no trace with one.
    """
    rates = failure_rates(work.catalogue.project)
    ids: list[str] = []
    values: list[float] = []
    for some in slices:
        for trace_id, system, prompt in work.catalogue.rows(
            "SELECT trace_id, system, prompt FROM traces WHERE trace_id IN (SELECT unnest($1)) ORDER BY trace_id",
            [some],
        ):
            ids.append(trace_id)
            values.append(rates.get((system or "", prompt), float("nan")))
    column = torch.tensor(values, dtype=torch.float64)
    if not job.has("difficulty"):
        job.write("difficulty", {"scores": by_trace(ids, {"difficulty": column})})
    if column.isfinite().any():
        return []
    return [
        "No kept answer is about a problem of the traces, so difficulty was computed for none; sample some with "
        "`curation rollouts --no-queries`."
    ]
