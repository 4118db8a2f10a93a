"""Of each group the best stays: by the score, by hand, by id."""

import numpy as np

from curation.selection.best import Best, keep_best, reason
from curation.store.verdicts import KEEP, UNDECIDED, VETO

NAN = np.nan


def chosen(values: list[float], verdicts: list[int] | None = None, *, highest: bool = True) -> Best:
    codes = np.array(verdicts or [UNDECIDED] * len(values), dtype=np.int8)
    return keep_best(np.zeros(len(values), dtype=np.int64), np.array(values), codes, highest=highest)


def places(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def test_the_best_of_each_group_stays_and_the_others_go() -> None:
    found = keep_best(
        np.array([0, 0, 0, 1, 1]), np.array([1.0, 3.0, 2.0, 5.0, 4.0]), np.zeros(5, dtype=np.int8)
    )
    assert (places(found.best), places(found.goes)) == ([1, 3], [0, 2, 4])
    assert places(chosen([1.0, 3.0, 2.0], highest=False).best) == [0]


def test_of_equal_ones_the_first_stays() -> None:
    assert places(chosen([2.0, 2.0, 1.0]).best) == [0]
    assert places(chosen([2.0, 1.0, 1.0], highest=False).best) == [1]


def test_a_trace_without_the_score_loses_even_to_the_worst() -> None:
    for highest in (True, False):
        assert places(chosen([NAN, -9.0, np.inf], highest=highest).best) == [1]
    assert places(chosen([NAN, NAN]).best) == [0]


def test_what_was_decided_by_hand_stays_as_it_is() -> None:
    vetoed = chosen([3.0, 2.0, 1.0], [VETO, UNDECIDED, UNDECIDED])
    assert (places(vetoed.best), places(vetoed.goes)) == ([1], [2])
    kept = chosen([3.0, 1.0, 2.0], [UNDECIDED, KEEP, UNDECIDED])
    assert (places(kept.best), places(kept.goes)) == ([1], [0, 2])
    both = chosen([1.0, 3.0, 2.0], [KEEP, UNDECIDED, KEEP])
    assert (places(both.best), places(both.goes)) == ([2], [1])
    none = chosen([1.0, 2.0], [VETO, VETO])
    assert (places(none.best), places(none.goes)) == ([], [])


def test_nothing_is_left_to_do_the_second_time() -> None:
    random = np.random.default_rng(0)
    groups = np.sort(random.integers(0, 40, 200))
    values = random.normal(size=200)
    verdicts = random.choice([UNDECIDED, KEEP, VETO], 200, p=[0.8, 0.1, 0.1]).astype(np.int8)
    first = keep_best(groups, values, verdicts)
    verdicts[first.goes] = VETO
    second = keep_best(groups, values, verdicts)
    assert not second.goes.any()
    np.testing.assert_array_equal(first.best, second.best)


def test_no_group_is_no_best() -> None:
    empty = chosen([])
    assert not len(empty.best)
    assert reason("nll") == "near-duplicate; the best by nll stays"
