"""Which tokens of a completion belong to which step, and which of them are its final answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.models.final_answer import answer_span

Span = tuple[int, int]


def step_of_tokens(starts: Sequence[int], spans: Sequence[Span]) -> NDArray[np.int64]:
    """(C,) the step of each completion token: the one in which it starts; the end of the sequence is in the last."""
    begins = np.array([start for start, _ in spans])
    steps: NDArray[np.int64] = np.searchsorted(begins, np.array(starts), side="right") - 1
    return np.clip(steps, 0, None)


def tokens_of(starts: Sequence[int], span: Span) -> NDArray[np.bool_]:
    """(C,) the completion tokens that share a character with a span. Tokens within one character go together."""
    begins = np.array(starts, dtype=np.float64)
    different = np.unique(begins)
    ends = np.append(different[1:], np.inf)[np.searchsorted(different, begins)]
    found: NDArray[np.bool_] = (begins < span[1]) & (ends > span[0])
    return found


@dataclass(frozen=True, eq=False)
class Answered:
    """Where a completion of C tokens and S steps or segments has its final answer.

    Attributes:
        step: (C,) the step of each token.
        answer: (C,) whether a token is the answer's.
        place: The step in which the answer begins.
        steps: S.
    """

    step: NDArray[np.int64]
    answer: NDArray[np.bool_]
    place: int
    steps: int


def answered(response: str, starts: Sequence[int], spans: Sequence[Span]) -> Answered | None:
    """Find the final answer among a completion's tokens; None where the response has none, or no token shows it.

    The answer is where the response writes what `models.final_answer` finds, for the last time: N of "The answer is N.".

    Args:
        response: Its text.
        starts: (C,) character at which each token starts.
        spans: (S,) its steps or segments.
    """
    span = answer_span(response)
    if span is None or not spans:
        return None
    tokens = tokens_of(starts, span)
    if not tokens.any():
        return None
    step = step_of_tokens(starts, spans)
    place = int(np.searchsorted([start for start, _ in spans], span[0], side="right")) - 1
    return Answered(step, tokens, place, len(spans))
