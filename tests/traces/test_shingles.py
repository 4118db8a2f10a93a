"""Shingles, and the words in which two texts differ."""

import time

import numpy as np
import pytest

from curation.traces.difference import word_difference
from curation.traces.shingles import shingles

HOSTILE = [
    "",
    " \n\t",
    "a",
    "<b>x</b> <script>alert(1)</script>",
    "\x00 \u202e é ß İ",
    "你好" * 50,
    "word " * 200_000,
]


def test_a_shingle_is_five_words_whatever_their_case_and_white_space() -> None:
    assert len(shingles("one two three four five six")) == 2
    np.testing.assert_array_equal(shingles("One  TWO\nthree four five"), shingles("one two three four five"))
    np.testing.assert_array_equal(
        np.intersect1d(shingles("a b c d e f"), shingles("b c d e f g")), shingles("b c d e f")
    )


def test_a_short_text_is_one_shingle_and_another_one_is_another() -> None:
    assert len(shingles("four words and no")) == len(shingles("")) == 1
    assert shingles("four words") != shingles("words four")


def test_a_script_without_spaces_has_a_word_a_character() -> None:
    assert len(shingles("三个苹果加两个苹果")) == 5


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_has_sorted_shingles_each_once(text: str) -> None:
    found = shingles(text)
    assert len(found) >= 1
    assert (np.diff(found) > 0).all() if len(found) > 1 else True


def test_a_difference_marks_the_words_that_differ() -> None:
    left, right = word_difference("so 2 + 3\n= 5, done", "so  2 + 4 = 6, done")
    assert [text for text, differs in left if differs] == ["3", "5,"]
    assert right == [
        ("so  2 + ", False),
        ("4", True),
        (" ", False),
        ("= ", False),
        ("6,", True),
        (" ", False),
        ("done", False),
    ]


@pytest.mark.parametrize("left", HOSTILE[:-1], ids=range(len(HOSTILE) - 1))
@pytest.mark.parametrize("right", HOSTILE[:-1], ids=range(len(HOSTILE) - 1))
def test_the_pieces_add_up_to_the_texts_and_the_rest_is_equal(left: str, right: str) -> None:
    pieces = word_difference(left, right)
    assert ["".join(text for text, _ in side) for side in pieces] == [left, right]
    same = [[word for text, differs in side if not differs for word in text.split()] for side in pieces]
    assert same[0] == same[1]


@pytest.mark.parametrize("pair", [("a ", "b "), ("a ", "a a b "), ("a b ", "b a ")])
def test_words_that_repeat_do_not_take_for_ever(pair: tuple[str, str]) -> None:
    began = time.monotonic()
    word_difference(*(text * (20_000 // len(text)) for text in pair))
    assert time.monotonic() - began < 5
