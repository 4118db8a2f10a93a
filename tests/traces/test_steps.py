"""Steps cover a response exactly, never cut a block, and are found in linear time."""

import random
import time

import pytest

from curation.traces.steps import split_segments, split_steps

PIECES = [
    "a", "Word.", " ", "\n", "\n\n", "\t", "\r\n", "```", "```py\n", "$$", "\\[", "\\]", "\\\\[2pt]", "$",
    "1. ", "e.g. ", "so x = 3.5! ", "?", "。", "…", "\x00", "\u2028", "\x85", "é", "😀", "</think>", "(", ")",
]  # fmt: skip


def steps(text: str) -> list[str]:
    return [text[start:stop] for start, stop in split_steps(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("First.\nStill first.\n\nSecond.\n", ["First.\nStill first.\n\n", "Second.\n"]),
        ("First.\r\n\r\nSecond.", ["First.\r\n\r\n", "Second."]),
        ("One\n \t\n\n\nTwo", ["One\n \t\n\n\n", "Two"]),
        ("Line one.\nLine two.\n#### 7", ["Line one.\n", "Line two.\n", "#### 7"]),
        ("Add 2. Get 5! Right? Yes.", ["Add 2. ", "Get 5! ", "Right? ", "Yes."]),
        ("It is 3.5 apples, e.g. red ones. Done.", ["It is 3.5 apples, e.g. red ones. ", "Done."]),
        ("1. Add. 2. Subtract.", ["1. Add. ", "2. Subtract."]),
        ("首先。然后！", ["首先。", "然后！"]),
        ("just words", ["just words"]),
        ("\n\n  lead and no more", ["\n\n  lead and no more"]),
        (" \n\n \n", [" \n\n \n"]),
        ("", []),
    ],
)
def test_cuts_where_the_text_pauses(text: str, expected: list[str]) -> None:
    assert steps(text) == expected


@pytest.mark.parametrize(
    "block",
    ["```python\nx = 1\n\ny = 2\n```", "\\[\na\n\n= b\n\\]", "$$\na\n\n\\\\[2pt] b\n$$", "```a\n\n$$\n```"],
)
def test_a_block_is_never_cut(block: str) -> None:
    text = f"Before.\n\n{block}\n\nAfter.\n\nEnd."
    assert steps(text) == ["Before.\n\n", f"{block}\n\n", "After.\n\n", "End."]


@pytest.mark.parametrize("opening", ["```", "$$", "\\["])
def test_a_block_that_never_closes_protects_nothing(opening: str) -> None:
    assert steps(f"a {opening} b\n\nc\n\nd") == [f"a {opening} b\n\n", "c\n\n", "d"]


def test_paragraphs_inside_blocks_alone_leave_lines_as_steps() -> None:
    assert steps("See:\n```\na\n\nb\n```\nDone") == ["See:\n", "```\na\n\nb\n```\n", "Done"]


@pytest.mark.parametrize("seed", range(300))
def test_random_text_is_covered_exactly_by_steps_with_something_in_them(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choices(PIECES, k=rng.randrange(1, 60)))
    found = steps(text)
    assert "".join(found) == text
    assert all(step.strip() for step in found) or not text.strip()
    assert all(not step[0].isspace() for step in found[1:])


@pytest.mark.parametrize("seed", range(100))
def test_random_blocks_stay_whole(seed: int) -> None:
    rng = random.Random(seed)
    marks = [("```", "```"), ("$$", "$$"), ("\\[", "\\]")]
    text, blocks = "", []
    for _ in range(rng.randrange(1, 8)):
        text += "".join(rng.choices(["word. ", "line\n", "pause\n\n"], k=rng.randrange(4)))
        opening, closing = rng.choice(marks)
        block = opening + "x" + "".join(rng.choices(["x", "\n", "\n\n", ". "], k=rng.randrange(12))) + closing
        blocks.append((len(text), len(text) + len(block)))
        text += block + rng.choice([" ", "\n", "\n\n"])
    starts = [start for start, _ in split_steps(text)]
    assert not [cut for cut in starts for start, stop in blocks if start < cut < stop]


@pytest.mark.parametrize("unit", ["a\n\n", "\\[\n", "$$\n\n", "\n \n", "." + ")" * 99, "x" * 99 + " ", "1. "])
def test_ten_times_the_text_takes_about_ten_times_as_long(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        start = time.process_time()
        split_steps(text)
        return time.process_time() - start

    assert seconds(2_000_000) < 40 * max(seconds(200_000), 0.005)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "A.\n\nB.\n\nWait, no.\n\nC.\n\n  However d.",
            ["A.\n\nB.\n\n", "Wait, no.\n\nC.\n\n  ", "However d."],
        ),
        ("Wait.\n\nA.\n\nWaiting.", ["Wait.\n\n", "A.\n\n", "Waiting."]),
        ("One.\nTwo.\nThree.", ["One.\n", "Two.\n", "Three."]),
        ("", []),
    ],
)
def test_segments_are_steps_up_to_a_turn_or_single_steps_where_none_turns(
    text: str, expected: list[str]
) -> None:
    assert [text[start:stop] for start, stop in split_segments(text)] == expected


def test_segments_are_made_of_whole_steps_whatever_the_text() -> None:
    draw = random.Random(3)
    for _ in range(300):
        text = "".join(draw.choice([*PIECES, "\n\nWait, ", "\n\nAlternatively"]) for _ in range(30))
        segments, borders = split_segments(text), {start for start, _ in split_steps(text)}
        assert "".join(text[start:stop] for start, stop in segments) == text
        assert all(start in borders for start, _ in segments)
