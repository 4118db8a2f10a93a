"""Grading: whether a completion's final answer is the reference answer."""

import re
from dataclasses import dataclass

from curation.models.equivalence import equivalent
from curation.models.final_answer import final_answer
from curation.models.plain_number import plain_number, without_latex

# Longer answers are no formulas that anybody computes with; they must be the same text.
_LONGEST_FORMULA = 300
_CHOICE = re.compile(r"\(?([A-J])\)?(?:[.):,].*|\s*)", re.DOTALL)
_CHOICE_FIRST = re.compile(
    r"(?:option|choice)?\s*(?:\(([A-J])\)|([A-J])(?:[.):,]|$|\s+(?:because|since|as)\b))", re.I
)
_SEVERAL = re.compile(r"\(?[A-J]\)?(?:\s*[,&]\s*|\s+)(?:(?:and|or)\s+)?\(?[A-J](?:[).,:]|\s*$)")
_WORDS = re.compile(r"[^\W\d_][^\W\d_'’-]*(?:[\s'’-]+[^\W\d_]+)*")


@dataclass(frozen=True)
class Verdict:
    """What grading said of a completion.

    Attributes:
        is_correct: Whether its final answer is the reference.
        extracted: Its final answer; "" if it has none.
        how: How that was found: marked, last number, last line or none.
    """

    is_correct: bool
    extracted: str
    how: str


def grade(completion: str, reference: str, *, finished: bool = True) -> Verdict:
    """Compare a completion's final answer with the reference; never raises, and takes seconds at the most.

    Numbers are compared exactly, whatever their form (1,200; $1200.00; 1/2; 50%; 3 1/2), units aside; choices by
    their letter; words by their letters, case aside; all else by math-verify.

    Args:
        completion: What the model said.
        reference: The right final answer alone.
        finished: Whether the completion ended on its own rather than at a limit of tokens.
    """
    found = final_answer(completion, finished=finished)
    return Verdict(bool(found.text) and same_answer(found.text, reference), found.text, found.how)


def same_answer(answer: str, reference: str) -> bool:
    """Whether two final answers mean the same."""
    given, wanted = without_latex(answer), without_latex(reference)
    if not given or not wanted:
        return False
    if choice := _choice(wanted):
        return _first_choice(given) == choice
    numbers = plain_number(answer), plain_number(reference)
    if numbers[0] and numbers[1]:
        return numbers[0].equals(numbers[1])
    if _bare(given) == _bare(wanted):
        return True
    if _is_words(given) or _is_words(wanted) or max(len(given), len(wanted)) > _LONGEST_FORMULA:
        # As formulas, words would be products of letters: anagrams would be equal.
        return False
    return equivalent(_formula(reference), _formula(answer))


def _choice(reference: str) -> str:
    """The letter that a multiple-choice reference consists of; "" if it is something else."""
    found = re.fullmatch(r"\(?([A-J])\)?[.:]?", reference)
    return found[1] if found else ""


def _first_choice(answer: str) -> str:
    if _SEVERAL.match(answer):
        return ""
    found = _CHOICE.fullmatch(answer) or _CHOICE_FIRST.match(answer)
    return next((group.upper() for group in found.groups() if group), "") if found else ""


def _bare(text: str) -> str:
    return re.sub(r"[\s{}]", "", text).casefold()


def _is_words(text: str) -> bool:
    return len(text) > 2 and "\\" not in text and _WORDS.fullmatch(text) is not None


def _formula(text: str) -> str:
    return text.strip().strip("*`").strip().strip("$").rstrip(".")
