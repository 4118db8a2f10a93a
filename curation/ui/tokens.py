"""The text of a step, token by token."""

from bisect import bisect_right
from collections.abc import Sequence

from curation.store.reading import StepValue


def token_pieces(
    text: str, start: int, step: StepValue, tokens: Sequence[StepValue]
) -> list[tuple[str, float | None]]:
    """What `text`, which begins at `start` of the response, shows of a step: pieces with the values of their tokens.

    Together the pieces are exactly that text. What comes before the first token has no value; a token that goes on into
    the next step is shown in both. The end of the sequence, if the text reaches it, is an empty piece.

    Args:
        text: The response, or a part of it.
        start: Character offset of `text` in the response.
        step: The step.
        tokens: Of the whole response, in order; none give no pieces.
    """
    if not tokens:
        return []
    first, last = max(start, step.start), min(start + len(text), step.stop)
    begin = bisect_right(tokens, first, key=lambda token: token.start) - 1
    end = bisect_right(tokens, last, key=lambda token: token.start)
    pieces: list[tuple[str, float | None]] = []
    if begin < 0:
        pieces.append((text[first - start : min(last, tokens[0].start) - start], None))
    for token in tokens[max(0, begin) : end]:
        a, b = max(first, token.start), min(last, token.stop)
        if a < b or token.start == token.stop:
            pieces.append((text[a - start : b - start], token.value))
    return pieces
