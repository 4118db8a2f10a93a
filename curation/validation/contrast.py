"""Contrasts: log p(right) - log p(wrong) of one problem, from the first token in which the two differ (METHODS 1).

A contrast is two queries of one group, the right completion with weight +1 and the wrong one with weight -1 from that
token on, and 0 before: what both say is no part of it, and would cancel in any case. The group's influence is the mean
over its queries, so half of the mean over contrasts.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from curation.models.encode import encode
from curation.store.kept_answers import Answer
from curation.traces.query import Query
from curation.validation.answer_groups import usable
from curation.validation.problems import Problem

CONTRAST = "contrast"


def contrast_queries(
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    tokenizer: Any,
    *,
    template: str = "auto",
    samples: int = 1,
) -> list[Query]:
    """The contrast of each problem that the model answers wrong, with what is right.

    Wrong is the model's first wrong answer; right is its first right one, or else the problem's solution.

    Args:
        problems: The problems.
        answers: The model's answers, in the order of the problems, those to one problem side by side.
        tokenizer: Of the model that will be scored with.
        template: How a prompt becomes text (see `store.project.Project`).
        samples: How many answers each problem has.
    """
    queries: list[Query] = []
    for place, problem in enumerate(problems):
        own = [one for one in answers[place * samples : (place + 1) * samples] if usable(one)]
        wrong = next((one.completion for one in own if not one.is_correct), "")
        right = next((one.completion for one in own if one.is_correct), problem.solution)
        if wrong and right.strip():
            queries += _contrast(problem, right, wrong, tokenizer, template)
    return queries


def _contrast(problem: Problem, right: str, wrong: str, tokenizer: Any, template: str) -> list[Query]:
    """Two queries; fewer where a completion ends before the other differs from it: there is nothing left to weight."""

    def tokens(completion: str) -> tuple[int, ...]:
        encoded = encode(tokenizer, problem.prompt, completion, template=template, system=problem.system)
        return encoded.ids[encoded.prompt_length :]

    good, bad = tokens(right), tokens(wrong)
    start = next((i for i, (a, b) in enumerate(zip_longest(good, bad)) if a != b), len(good))
    queries = []
    for completion, ids, sign in ((right, good, 1.0), (wrong, bad, -1.0)):
        if start < len(ids):
            weights = (0.0,) * start + (sign,) * (len(ids) - start)
            queries.append(
                Query(CONTRAST, problem.prompt, completion, sign > 0, weights, system=problem.system)
            )
    return queries
