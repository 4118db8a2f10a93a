import pytest

from curation.validation.compare import Difference, paired


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
