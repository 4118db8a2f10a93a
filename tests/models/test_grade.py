import threading
import time

import pytest

from curation.models.equivalence import equivalent
from curation.models.final_answer import final_answer
from curation.models.grade import grade, same_answer

EQUAL = [
    ("18", "18"),
    ("18", "18.0"),
    ("18", "$18"),
    ("18", r"\$18.00"),
    ("18", "18 dollars"),
    ("18", "18 dollars per day"),
    ("18", "**18**"),
    ("18", "$18$."),
    ("5", r"5\text{ cm}"),
    ("5", "5cm"),
    ("5", "5 m"),
    ("90", r"90^\circ"),
    ("60", "60 km/h"),
    ("1234567", "1,234,567"),
    ("1,200", "1200"),
    ("1200", "1{,}200"),
    ("-5", "- 5"),
    ("-5", "\u22125"),
    ("-5", "-$5"),
    ("50%", "50"),
    ("50%", "0.5"),
    ("0.5", r"50\%"),
    ("25", "25 percent"),
    ("1/2", r"\frac{1}{2}"),
    ("0.5", r"\frac12"),
    ("3.5", r"3\frac{1}{2}"),
    ("3 1/2", "7/2"),
    ("1000", "1e3"),
    (r"\frac{3}{4}", "0.75"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("x^2+1", "1 + x^2"),
    (r"\{1,2\}", r"\{2,1\}"),
    ("x=3", "3"),
    ("(1, 2)", "(1,2)"),
    ("even", "Even"),
    (r"\text{Paris}", "paris"),
    ("B", "(B)"),
    ("(C)", "C) 42 apples"),
    ("A", "A."),
    ("D", r"\text{D}"),
    ("B", "option B because it is larger"),
    ("B", r"\textbf{(B)}\ 12"),
    ("A", "A, I think"),
    ("12", "12 apples"),
    ("12", "12 cm$^2$"),
    ("12", r"12\,\text{cm}^2"),
    ("1234", r"1\,234"),
    ("-5", "minus 5"),
    ("-5", "negative 5"),
    ("-1/2", r"\frac{-1}{2}"),
    ("-0.5", r"-\dfrac{1}{2}"),
    ("0.5", ".5"),
    ("314", r"3.14 \times 10^{2}"),
    (r"(3,\frac{\pi}{2})", r"\left(3, \frac{\pi}{2}\right)"),
    ("7:30 PM", "7:30 pm"),
]
DIFFERENT = [
    ("18", "19"),
    ("18", "-18"),
    ("18", "18 or 20"),
    ("18", "1.8"),
    ("3", "3 million"),
    ("3", "3 dozen"),
    ("2", "2x"),
    ("2", r"2\pi"),
    ("1200", "1,2"),
    ("50%", "0.05"),
    ("1/2", "1/3"),
    ("1/2", "1/0"),
    ("3 1/2", "31/2"),
    ("[0,1)", "[0,1]"),
    ("listen", "silent"),
    ("Paris", "pairs"),
    ("B", "C"),
    ("A", "A robe takes 3 bolts"),
    ("B", "42"),
    ("A", "A, B"),
    ("A", "(A) and (B)"),
    ("A", "A or B"),
    ("5", "-5"),
    ("5", "minus 5"),
    ("1/3", "33.3%"),
    ("1/3", "0.333"),
    ("18", ""),
    ("", "18"),
    ("18", "\\frac{"),
    ("18", "}{\\boxed{{"),
    ("18", "x" * 100_000),
    ("18", "9" * 10_000),
    ("18", "18 " + "aa" * 100_000 + "!"),
    ("18", "1" + ",000" * 50_000 + "!"),
    ("18", " " * 100_000 + "!"),
]


@pytest.mark.parametrize(("reference", "answer"), EQUAL)
def test_equal_forms_are_right(reference: str, answer: str) -> None:
    assert same_answer(answer, reference)


@pytest.mark.parametrize(("reference", "answer"), DIFFERENT)
def test_other_answers_are_wrong(reference: str, answer: str) -> None:
    assert not same_answer(answer, reference)


@pytest.mark.parametrize(
    ("completion", "found", "how"),
    [
        ("16 - 3 = 13\n#### 13", "13", "marked"),
        ("First \\boxed{5}, no: \\boxed{6}.", "6", "marked"),
        ("So \\boxed{\\frac{1}{2}} it is", "\\frac{1}{2}", "marked"),
        ("#### 13\n\nThat was easy.", "13", "marked"),
        ("First, 2 + 3 = 5.\nThe answer is 5.", "5", "marked"),
        ("The answer is 3.5. Done.", "3.5", "marked"),
        ("The answer is 3 + 4 = 7 apples.", "7 apples", "marked"),
        ("The answer is $y = 2x + 1$.", "$y = 2x + 1$", "marked"),
        ("**Answer:** -5", "-5", "marked"),
        ("The final answer is: (B) because it fits", "(B) because it fits", "marked"),
        ("<think>maybe 4</think>\n7", "7", "marked"),
        ("<think>maybe 4</think> The answer is 7.", "7", "marked"),
        ("<think>the answer is 4</think>\n\n**Answer:** 7", "7", "marked"),
        ("The answer is 12, which is 3 more than 9.", "12", "marked"),
        ("The answer is 12 because 3 times 4 is 12.", "12", "marked"),
        ("So the answer is 12 (twelve).", "12", "marked"),
        ("The answer is 18 or 20.", "18 or 20", "marked"),
        ("The answer is (B).", "(B)", "marked"),
        ("So the correct option is (B) 42", "(B) 42", "marked"),
        ("One option is to add 5, which gives 12.", "12", "last number"),
        ("The answer is", "The answer is", "last line"),
        ("First \\boxed{3}, then \\boxed{\\frac{1}{2}} of \\boxed{4}", "4", "marked"),
        ("She has 3 apples and then 1,200 more", "1,200", "last number"),
        ("5-3 leaves 2", "2", "last number"),
        ("It falls to -7", "-7", "last number"),
        ("She lives in\nParis", "Paris", "last line"),
        ("", "", "none"),
        (" \n ", "", "none"),
    ],
)
def test_the_final_answer_is_found(completion: str, found: str, how: str) -> None:
    assert (final_answer(completion).text, final_answer(completion).how) == (found, how)


@pytest.mark.parametrize(
    ("completion", "found"),
    [
        ("She has 3 apples and then 12", ""),
        ("16 - 3 = 13\n#### 1", ""),
        ("The answer is 1", ""),
        ("so \\boxed{1", ""),
        ("\\boxed{5}, no: \\boxed{1", ""),
        ("so \\boxed{13} and this", "13"),
        ("#### 13\nNow let us", "13"),
        ("<think>\n#### 13\n</think>\n1", "13"),
    ],
)
def test_a_truncated_completion_has_no_answer_unless_it_was_closed(completion: str, found: str) -> None:
    assert final_answer(completion, finished=False).text == found


def test_an_open_box_is_no_answer_even_if_the_model_stopped() -> None:
    assert not grade("I get 18, so \\boxed{18", "18").is_correct


def test_a_verdict_keeps_what_was_extracted() -> None:
    verdict = grade("2 + 2 = 5\n#### 5 apples", "4")
    assert (verdict.is_correct, verdict.extracted, verdict.how) == (False, "5 apples", "marked")


def test_grading_works_off_the_main_thread_and_from_several_at_once() -> None:
    verdicts: list[bool] = []
    threads = [
        threading.Thread(target=lambda: verdicts.append(same_answer(r"\sqrt{12}", r"2\sqrt{3}")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [True] * 4


def test_a_formula_that_takes_too_long_is_wrong_and_the_next_one_is_graded() -> None:
    began = time.monotonic()
    assert not equivalent("10^{10^{10}}", "3", seconds=0.5)
    assert time.monotonic() - began < 5
    assert equivalent("x+1", "1+x")
