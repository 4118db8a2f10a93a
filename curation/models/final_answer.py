r"""The final answer of a completion: what it marks, or else what stands last.

| completion | final answer |
|---|---|
| `#### N`, `\boxed{N}`, a short line after `</think>` | N (see `traces.answers`); of several, the last |
| "the answer is N.", "Answer: N", "the correct option is N" | N; of several, the last |
| no mark, and it ended on its own | the last number, or else the last line |
| no mark, and it was cut off | none: what stands last is no conclusion |
"""

import re
from dataclasses import dataclass

from curation.models.plain_number import plain_number
from curation.traces.answers import extract_answer, said_answer

MARKED, LAST_NUMBER, LAST_LINE, NONE = "marked", "last number", "last line", "none"
_SHORT = 100
# Marks stand near the end; this bounds the time that a very long text takes.
_TAIL = 20_000
_HASHES = re.compile(r"^[ \t]*####[ \t]*(\S[^\n]*?)[ \t]*$", re.MULTILINE)
# What may be said after a number without changing it.
_ASIDE = re.compile(
    r",\s+(?:which|because|since|as|so)\b|\s+(?:because|since)\b|\s+\([^()]*\)$", re.IGNORECASE
)
_NUMBER = re.compile(r"(?:(?<![\w.)\]}])[-−])?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")


@dataclass(frozen=True)
class FinalAnswer:
    """A final answer and how it was found: marked, last number, last line or none."""

    text: str
    how: str


def final_answer(completion: str, *, finished: bool = True) -> FinalAnswer:
    """Find the final answer of a completion.

    Args:
        completion: What the model said.
        finished: Whether it ended on its own. If not, its last line may be cut inside the answer, and counts
            only for a box that was closed.
    """
    tail = completion[-_TAIL:]
    if not finished:
        whole, _, last = tail.rpartition("\n")
        tail = tail if r"\boxed{" in last else whole
    marked = extract_answer(tail) or _last(_HASHES, tail) or _result(said_answer(tail))
    if marked:
        return FinalAnswer(marked, MARKED)
    if finished and r"\boxed{" not in tail:
        if number := _last(_NUMBER, tail):
            return FinalAnswer(number.rstrip(","), LAST_NUMBER)
        line = tail.rstrip().rpartition("\n")[2].strip()
        if 0 < len(line) <= _SHORT:
            return FinalAnswer(line, LAST_LINE)
    return FinalAnswer("", NONE)


def answer_span(response: str) -> tuple[int, int] | None:
    """Where a response writes its final answer for the last time: start and stop in characters; None if it has none."""
    answer = final_answer(response).text
    if not answer:
        return None
    tail = max(0, len(response) - _TAIL)
    whole = re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)")
    starts = [found.start() for found in whole.finditer(response, tail)]
    start = starts[-1] if starts else response.rfind(answer)
    return (start, start + len(answer)) if start >= 0 else None


def _result(said: str) -> str:
    """What a sentence comes to: "7 apples" in "3 + 4 = 7 apples", 7 in "7, which is odd"."""
    for result in (said.rpartition("=")[2].strip(), _ASIDE.split(said)[0]):
        if plain_number(result):
            return result
    return said


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return found[-1].strip() if found else ""
