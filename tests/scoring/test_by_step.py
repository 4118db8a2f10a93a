"""Which tokens are a step's and which the final answer's."""

import numpy as np
import pytest

from curation.models.final_answer import answer_span
from curation.scoring.by_step import answered, step_of_tokens, tokens_of
from curation.traces.steps import split_steps

RESPONSE = "First, 3 + 4 = 7.\nThe answer is 7.\nDone."


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (RESPONSE, "7"),
        (r"So \boxed{\frac{1}{2}} it is. I am sure.", r"\frac{1}{2}"),
        ("12 of 12\n#### 2", "2"),
        ("The answer is 2, as 12 - 10 says.", "2"),
        ("<think>hm</think>\nParis", "Paris"),
        ("The answer is **x = 1,000**.", "1,000"),
        ("I do not know", "I do not know"),
    ],
)
def test_the_span_is_where_the_final_answer_is_written_last(response: str, answer: str) -> None:
    span = answer_span(response)
    assert span is not None
    assert response[slice(*span)] == answer
    before = response[span[0] - 1 : span[0]]
    assert not before.isalnum()


@pytest.mark.parametrize("response", ["", " \n", "x" * 500, r"cut off in \boxed{1"])
def test_a_response_without_a_final_answer_has_no_span(response: str) -> None:
    assert answer_span(response) is None
    assert answered(response, (0,), split_steps(response)) is None


def test_a_long_text_is_no_burden() -> None:
    span = answer_span("7 and 7\n" * 200_000 + "The answer is 7.")
    assert span == (1_600_014, 1_600_015)


def test_tokens_of_a_span_share_a_character_with_it() -> None:
    starts = (
        0,
        3,
        3,
        3,
        7,
        9,
    )  # three tokens within one character, as bytes are; the end of the sequence last
    assert tokens_of(starts, (3, 5)).tolist() == [False, True, True, True, False, False]
    assert tokens_of(starts, (6, 8)).tolist() == [False, True, True, True, True, False]
    assert tokens_of(starts, (8, 9)).tolist() == [False, False, False, False, True, False]
    assert tokens_of((), (0, 1)).tolist() == []


def test_a_token_is_in_the_step_in_which_it_starts_and_the_end_in_the_last() -> None:
    spans = split_steps(RESPONSE)
    starts = (0, 5, 16, 18, 31, 33, 35, len(RESPONSE))
    assert step_of_tokens(starts, spans).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    found = answered(RESPONSE, starts, spans)
    assert found is not None
    assert (found.place, found.steps) == (1, 3)
    assert np.flatnonzero(found.answer).tolist() == [4]  # " 7"
