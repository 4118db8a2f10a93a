"""The fast sort against numpy's stable one."""

import numpy as np
import pytest

from curation.store.sorting import order_of_floats, order_of_words


def hard(count: int, seed: int) -> np.ndarray:
    """Numbers of all sizes and both signs, many of them equal, both zeros, infinities and NaN of both signs."""
    random = np.random.default_rng(seed)
    values = random.normal(size=count) * 10.0 ** random.integers(-300, 300, count)
    values[random.random(count) < 0.3] = np.round(random.normal())
    for odd in (0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, -5e-324):
        values[random.random(count) < 0.05] = odd
    return values


@pytest.mark.parametrize("count", [0, 1, 1_000, 50_000])
@pytest.mark.parametrize("descending", [False, True])
def test_numbers_stand_as_a_stable_sort_puts_them(count: int, descending: bool) -> None:
    values = hard(count, count)
    expected = np.argsort(-values if descending else values, kind="stable")
    assert np.array_equal(order_of_floats(values, descending=descending), expected)


@pytest.mark.parametrize("count", [1_000, 50_000])
def test_words_stand_as_a_stable_sort_puts_them(count: int) -> None:
    random = np.random.default_rng(1)
    words = random.integers(0, 2**64, count, dtype=np.uint64) >> random.integers(0, 64, count).astype(
        np.uint64
    )
    assert np.array_equal(order_of_words(words), np.argsort(words, kind="stable"))
