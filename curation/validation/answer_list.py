"""Looking through kept answers: which answers of a file fit."""

from collections.abc import Callable, Sequence

from curation.store.kept_answers import Answer

KINDS: dict[str, Callable[[Answer], bool]] = {
    "All": lambda one: True,
    "Right": lambda one: one.is_correct is True,
    "Wrong": lambda one: one.is_correct is False,
    "Cut off": lambda one: not one.finished,
    "No answer": lambda one: not one.extracted,
}


def fitting(answers: Sequence[Answer], kind: str, text: str) -> list[Answer]:
    """Answers of a kind of `KINDS` in which a text stands, in any case: in prompt, completion, answer or reference."""
    wanted = text.casefold()
    fits = KINDS[kind]
    return [
        one
        for one in answers
        if fits(one)
        and any(
            wanted in part.casefold() for part in (one.prompt, one.completion, one.extracted, one.reference)
        )
    ]


def verdict_of(answer: Answer) -> str:
    """What grading said, in words."""
    said = {True: "right", False: "wrong", None: "not graded"}[answer.is_correct]
    return said if answer.finished else f"{said}, cut off"
