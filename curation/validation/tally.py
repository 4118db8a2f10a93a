"""How a model did on problems, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.store.kept_answers import Answer


@dataclass(frozen=True)
class Tally:
    """How a model did.

    Attributes:
        model: Folder or hub id, or its name at a server.
        file: Its answers, relative to the project.
        problems: How many it was asked.
        answers: How many answers it gave to them.
        graded: Answers to problems with a reference.
        correct: Those of them that are right.
        solved: Problems with at least one right answer.
        cut_off: Answers that reached the limit of tokens.
        no_answer: Answers in which no final answer was found.
    """

    model: str
    file: str
    problems: int
    answers: int
    graded: int
    correct: int
    solved: int
    cut_off: int
    no_answer: int

    @property
    def accuracy(self) -> float | None:
        """Share of the graded answers that are right; None if none could be graded."""
        return self.correct / self.graded if self.graded else None


def tally(answers: Sequence[Answer], file: str) -> Tally:
    """Count a model's answers, at least one."""
    right = [one for one in answers if one.is_correct]
    return Tally(
        model=answers[0].model,
        file=file,
        problems=len({one.problem_id for one in answers}),
        answers=len(answers),
        graded=sum(one.is_correct is not None for one in answers),
        correct=len(right),
        solved=len({one.problem_id for one in right}),
        cut_off=sum(not one.finished for one in answers),
        no_answer=sum(not one.extracted for one in answers),
    )
