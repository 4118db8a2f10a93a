"""A step token by token: its text exactly, whatever the tokens and the part that is shown."""

import pytest

from curation.store.reading import StepValue
from curation.ui.tokens import token_pieces

TEXT = "  One é𝄞 two.\nThree"
STEPS = [StepValue(0, 14, 1.0), StepValue(14, 19, -1.0)]
# White space before the first token; one token across both steps; the end of the sequence.
STARTS = [2, 6, 7, 8, 12, 15, 19]
TOKENS = [StepValue(a, b, float(a)) for a, b in zip(STARTS, [*STARTS[1:], 19], strict=True)]


def test_pieces_are_the_steps_text_with_the_values_of_the_tokens() -> None:
    first, second = (token_pieces(TEXT, 0, step, TOKENS) for step in STEPS)
    assert first == [("  ", None), ("One ", 2.0), ("é", 6.0), ("𝄞", 7.0), (" two", 8.0), (".\n", 12.0)]
    assert second == [("T", 12.0), ("hree", 15.0), ("", 19.0)]
    assert token_pieces(TEXT, 0, STEPS[0], []) == []


@pytest.mark.parametrize("start", range(len(TEXT)))
@pytest.mark.parametrize("length", [1, 3, 10, 19])
def test_a_part_of_the_response_shows_exactly_its_text(start: int, length: int) -> None:
    part = TEXT[start : start + length]
    pieces = [
        piece
        for step in STEPS
        if max(start, step.start) < min(start + len(part), step.stop)
        for piece in token_pieces(part, start, step, TOKENS)
    ]
    assert "".join(text for text, _ in pieces) == part
    assert ("", 19.0) in pieces or start + len(part) < len(TEXT)
    assert [text for text, _ in pieces if not text] == [""] * (start + len(part) == len(TEXT))
