import numpy as np
import pytest

from curation.scoring.consensus import consensus, spread, take_in_rounds


@pytest.fixture
def by_query() -> np.ndarray:
    random = np.random.default_rng(3)
    return random.normal(0.3, 1, (7, 200)) * random.lognormal(0, 1.5, (7, 1))


def test_a_trace_is_below_zero_just_where_one_of_the_two_means_is(by_query: np.ndarray) -> None:
    raw = by_query.mean(0)
    even = np.mean([row / np.sort(np.abs(row))[int(np.ceil(0.95 * 200)) - 1] for row in by_query], axis=0)
    value = consensus(by_query)
    np.testing.assert_array_equal(value < 0, (raw < 0) | (even < 0))
    harmful = value < 0
    scaled = np.stack([raw / spread(raw), even / spread(even)])
    np.testing.assert_allclose(value[harmful], scaled.min(0)[harmful], rtol=1e-12)
    useful = np.sort(value[~harmful])
    np.testing.assert_allclose(useful, np.arange(1, len(useful) + 1) / len(useful))


def test_units_do_not_matter_and_neither_does_the_order_of_queries(by_query: np.ndarray) -> None:
    np.testing.assert_allclose(consensus(by_query * 64), consensus(by_query))
    np.testing.assert_allclose(consensus(by_query[::-1]), consensus(by_query))


def test_each_trace_is_taken_once_and_ties_go_by_place(by_query: np.ndarray) -> None:
    assert sorted(take_in_rounds(by_query)) == list(range(200))
    assert take_in_rounds(np.ones((3, 40))).tolist() == list(range(40))


def test_a_query_that_was_served_counts_less() -> None:
    """Sixty traces for one query are a little better than forty for the other: taken by mean, they all come first."""
    by_query = np.zeros((2, 100))
    by_query[0, :60], by_query[1, 60:] = 1.1, 1.0
    assert (np.argsort(-by_query.mean(0), kind="stable")[:60] < 60).all()
    taken = take_in_rounds(by_query)[:60]
    assert (taken < 60).sum() < 40
    assert (taken >= 60).sum() > 20


def test_the_first_round_is_the_best_by_the_sum_of_scaled_queries(by_query: np.ndarray) -> None:
    gain = (by_query / np.sqrt(spread(by_query))).sum(0)
    assert set(take_in_rounds(by_query)[:4]) == set(np.argsort(-gain)[:4])


def test_queries_that_no_trace_moves_and_pools_of_one() -> None:
    np.testing.assert_allclose(consensus(np.zeros((3, 5))), [1.0, 0.8, 0.6, 0.4, 0.2])
    assert consensus(np.array([[2.0], [1.0]])).tolist() == [1.0]
    assert consensus(np.array([[-2.0], [-4.0]])).tolist() == [-1.0]
