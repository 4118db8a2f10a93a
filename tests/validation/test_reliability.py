"""Reliability against what it predicts: the ranking by queries that were really drawn anew."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from curation.validation.reliability import reliability


def drawn(random: np.random.Generator, shared: np.ndarray, queries: int, noise: float) -> np.ndarray:
    """Influence on queries that have something in common and something of their own."""
    return shared + noise * random.normal(size=(queries, len(shared)))


@pytest.mark.parametrize("noise", [0.5, 2.0, 6.0])
def test_it_predicts_what_other_queries_say(noise: float) -> None:
    random = np.random.default_rng(1)
    shared = random.normal(size=2_000)
    found = reliability(drawn(random, shared, 16, noise))
    assert found is not None
    anew = [
        spearmanr(drawn(random, shared, 16, noise).mean(0), drawn(random, shared, 16, noise).mean(0))[0]
        for _ in range(20)
    ]
    assert found.mean == pytest.approx(float(np.mean(anew)), abs=0.04)
    assert found.low <= found.mean <= found.high


def test_queries_with_nothing_in_common_have_none() -> None:
    found = reliability(np.random.default_rng(2).normal(size=(12, 3_000)))
    assert found is not None
    assert abs(found.mean) < 0.1


def test_the_order_of_queries_scale_and_seed_of_traces_do_not_matter() -> None:
    random = np.random.default_rng(3)
    values = drawn(random, random.normal(size=400), 8, 1.0)
    first = reliability(values, draws=2_000)
    other = reliability(1e7 * values[::-1, random.permutation(400)] + 5, draws=2_000)
    assert first is not None
    assert other is not None
    assert first.mean == pytest.approx(other.mean, abs=0.01)


@pytest.mark.parametrize("values", [np.ones((3, 50)), np.ones((8, 2)), np.ones((8, 50)), np.zeros((0, 0))])
def test_too_little_to_say_is_said_so(values: np.ndarray) -> None:
    assert reliability(values) is None
