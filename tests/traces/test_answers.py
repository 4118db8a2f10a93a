"""The final answer is found where a response marks it."""

import pytest

from curation.traces.answers import extract_answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("2 + 3 = 5\n#### 5", "5"),
        ("so\n####1,250\n\n", "1,250"),
        ("#### Step 1: add\n2 + 3 = 5", ""),
        (r"First \boxed{1}, then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}} done", r"\{1, 2\}"),
        (r"\boxed{1} and \boxed{2", ""),
        ("<think>\nhm \\boxed{3}\n</think>\n\n4", "4"),
        ("<think>\nthe answer is 3\n</think>\n\nThe answer is 4.", "4"),
        ("<think>\nhm\n</think>\n\nSo \\boxed{4}, as said.", "4"),
        ("<think>\nhm \\boxed{3}\n</think>\n\nA long\nexplanation", "3"),
        ("<think>\nhm\n</think>\n\n" + "word " * 40, ""),
        ("no mark at all", ""),
        ("", ""),
    ],
)
def test_extract_answer(response: str, answer: str) -> None:
    assert extract_answer(response) == answer


def test_hostile_length_is_no_matter() -> None:
    assert extract_answer("\\boxed{" * 500_000 + "{}" * 500_000) == ""
    assert extract_answer("#" * 5_000_000) == ""
