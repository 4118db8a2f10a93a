from dataclasses import replace

import pytest

from curation.validation.compare import Difference, paired, rows_of
from curation.validation.cost import duration, time_of
from curation.validation.equal_tokens import RANDOM_BY_TOKENS
from curation.validation.trial import Trial


def test_the_interval_is_student_s_over_paired_differences() -> None:
    found = paired([11.0, 22.0, 33.0], [10.0, 20.0, 30.0])
    # Mean 2, standard deviation 1, n 3; the 97.5% quantile of t with 2 degrees of freedom is 4.302653.
    assert found.mean == pytest.approx(2.0)
    assert (found.low, found.high) == (
        pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-5),
        pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-5),
    )
    assert found.words == "not told apart from random"


def test_pairing_takes_out_what_a_seed_does_to_both() -> None:
    found = paired([1.1, 5.2, 9.15], [1.0, 5.1, 9.05])
    assert found.words == "better than random"
    assert paired([1.0, 5.1, 9.05], [1.1, 5.2, 9.15]).words == "worse than random"


def test_one_and_two_seeds_claim_little() -> None:
    assert paired([2.0], [1.0]) == Difference(1.0, None, None, 1)
    assert paired([2.0], [1.0]).words == "one seed: nothing can be said of chance"
    two = paired([2.0, 2.0], [1.0, 1.01])
    assert (two.low or 0) > 0
    assert two.words == "better than random, on two seeds"


def trial(name: str, seed: int, value: float, tokens: int | None, accuracy: float | None = 0.5) -> Trial:
    return Trial(name, seed, 30, 8, value, accuracy, 4, 0.5, tokens)


def test_a_recipe_is_paired_with_the_draw_of_its_seed_and_with_the_one_nearest_in_tokens() -> None:
    trials = [
        trial("random", 0, -1.0, 1_000),
        trial("random", 1, -1.2, 1_300),
        trial("long", 0, -0.5, 1_290),
        trial("long", 1, -0.6, 1_310),
        trial("long", 2, 9.0, 1_310),
        trial(RANDOM_BY_TOKENS, 0, -0.8, 1_280),
        trial(RANDOM_BY_TOKENS, 0, -0.9, 1_320),
        trial("short", 0, -2.0, 700),
        trial("short", 1, -2.0, 700, None),
    ]
    random, long, short = rows_of(trials)
    assert (random.name, random.tokens, random.at_equal_tokens) == ("random", 1_150, None)
    assert long.log_likelihood_minus_random is not None
    assert long.log_likelihood_minus_random.mean == pytest.approx((0.5 + 0.6) / 2)
    assert long.at_equal_tokens is not None
    assert long.at_equal_tokens.log_likelihood.mean == pytest.approx((0.3 + 0.6) / 2)
    assert long.at_equal_tokens.accuracy == Difference(0.0, 0.0, 0.0, 2)
    assert (short.at_equal_tokens, short.accuracy, short.accuracy_minus_random) == (None, None, None)
    assert rows_of([one for one in trials if one.name != "random"]) == []


def test_times_are_told_in_the_unit_that_fits() -> None:
    assert [duration(one) for one in (0.2, 80.0, 300.0, 9_000.0)] == [
        "1 second",
        "80 seconds",
        "5 minutes",
        "2.5 hours",
    ]
    assert time_of(3, [replace(trial("random", 0, -1.0, None), seconds=100.0)]) == "about 5 minutes"
    assert time_of(3, [trial("random", 0, -1.0, None)]) == ""
