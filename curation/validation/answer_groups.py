"""From graded answers to query groups (METHODS 1).

| group | problems | completion |
|---|---|---|
| correct | any | each right answer of the model |
| incorrect | any | each wrong answer of the model |
| wrong-to-right | the base model is mostly wrong, the model mostly right | each right answer of the model |
| right-to-wrong | the base model is mostly right, the model mostly wrong | each wrong answer of the model |

Mostly: more than half of the answers to the problem; with one greedy answer that is its verdict, and a tie is neither.
Answers to one problem with the same text are one query. An answer that was cut off or is empty counts in the verdicts,
where no final answer is wrong, but becomes no query: its end is not the model's.
"""

from collections.abc import Sequence

from curation.store.kept_answers import Answer
from curation.traces.query import Query
from curation.traces.query_rows import CORRECT, INCORRECT

WRONG_TO_RIGHT, RIGHT_TO_WRONG = "wrong-to-right", "right-to-wrong"


def group_names(with_base: bool) -> tuple[str, ...]:
    """The groups that answers can be sorted into."""
    return (CORRECT, INCORRECT, WRONG_TO_RIGHT, RIGHT_TO_WRONG) if with_base else (CORRECT, INCORRECT)


def group_queries(
    answers: Sequence[Answer], before: Sequence[Answer] | None = None, samples: int = 1
) -> list[Query]:
    """Sort a model's answers into groups.

    Args:
        answers: The model's answers, those to one problem side by side.
        before: The base model's answers to the same problems, in the same order, if there is one.
        samples: How many answers each problem has.
    """
    groups: dict[str, list[Query]] = {name: [] for name in group_names(before is not None)}
    for start in range(0, len(answers), samples):
        own = answers[start : start + samples]
        now = mostly_right(own)
        was = mostly_right(before[start : start + samples]) if before else None
        turned = now is not None and was is not None and now != was
        for answer in filter(usable, own):
            names = [CORRECT if answer.is_correct else INCORRECT]
            if turned and answer.is_correct == now:
                names.append(WRONG_TO_RIGHT if now else RIGHT_TO_WRONG)
            for name in names:
                groups[name].append(
                    Query(name, answer.prompt, answer.completion, answer.is_correct, system=answer.system)
                )
    return list(dict.fromkeys(query for group in groups.values() for query in group))


def usable(answer: Answer) -> bool:
    """Whether an answer can be a query: graded, ended on its own, and not empty."""
    return answer.is_correct is not None and answer.finished and bool(answer.completion.strip())


def mostly_right(answers: Sequence[Answer]) -> bool | None:
    """The verdict of more than half of the answers to a problem; None if there is none."""
    for verdict in (True, False):
        if 2 * sum(one.is_correct is verdict for one in answers) > len(answers):
            return verdict
    return None
