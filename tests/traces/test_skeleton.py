"""The skeleton of a response: words and numbers do not matter, marks do."""

import pytest

from curation.traces.skeleton import marks, skeleton


def of(text: str) -> tuple[str, ...]:
    return skeleton(marks(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("3 + 4 = 7", ("number",)),
        ("Bob has 3.\nHe buys 4.\n#### 7", ("words", "####")),
        ("First, 2 + 2 = 4.\nSecond, 4 + 1 = 5.\nThe answer is 5.", ("First", "the answer is")),
        ("Step 1: add.\nStep 12: halve.\n**Answer:** $\\boxed{4}$", ("Step 1", "**", "boxed")),
        ("1. a\n2) b\n- c\n- d", ("1.", "bullet")),
        (
            "We have six. So it is seven. Then we stop. Therefore the answer is 7.",
            ("words", "So", "Then", "the answer is"),
        ),
        ("# A\ntext\n# B\ntext\n# C\ntext", ("heading", "words")),
    ],
)
def test_marks_of_known_texts(text: str, expected: tuple[str, ...]) -> None:
    assert of(text) == expected


def test_subject_and_length_do_not_change_it() -> None:
    one = "\n".join(f"Step {n}: take {n} of them." for n in range(2)) + "\n#### 3"
    other = "\n".join(f"Step {n}: nimm {7 * n} davon weg." for n in range(40)) + "\n#### 99"
    assert of(one) == of(other)
