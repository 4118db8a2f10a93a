"""Bars against counting trace by trace."""

import numpy as np
import pytest

from curation.selection.histogram import BARS, histogram


@pytest.fixture
def values() -> np.ndarray:
    values = np.random.default_rng(2).standard_t(2, 5_000)
    values[::50] = np.nan
    return values


def test_every_scored_trace_is_in_the_bar_that_spans_it(values: np.ndarray) -> None:
    cut = histogram(values)
    assert cut.totals.sum() == np.isfinite(values).sum()
    for value, bar in zip(values, cut.bar, strict=True):
        if np.isnan(value):
            assert bar == BARS
            continue
        assert bar == 0 or cut.edges[bar] <= value
        assert bar == BARS - 1 or value < cut.edges[bar + 1]


def test_the_ends_hold_what_lies_beyond(values: np.ndarray) -> None:
    cut, known = histogram(values), values[np.isfinite(values)]
    assert (cut.low, cut.high) == tuple(np.quantile(known, [0.02, 0.98]))
    assert cut.totals[0] == (known < cut.edges[1]).sum()
    assert cut.totals[-1] == (known >= cut.edges[-2]).sum()


def test_the_parts_of_a_choice_add_up(values: np.ndarray) -> None:
    cut, kept = histogram(values), values > 0.3
    np.testing.assert_array_equal(cut.counts(kept) + cut.counts(~kept), cut.totals)
    assert cut.counts(kept)[: np.searchsorted(cut.edges, 0.3) - 1].sum() == 0


@pytest.mark.parametrize("values", [[np.nan, np.nan], [4.0, 4.0, np.nan]])
def test_few_or_equal_values_have_bars_too(values: list[float]) -> None:
    cut = histogram(np.array(values))
    assert cut.low < cut.high
    assert cut.totals.sum() == np.isfinite(values).sum()


def test_a_value_is_found_in_its_bar_even_beyond_the_ends(values: np.ndarray) -> None:
    cut = histogram(values)
    assert cut.around(-1e9) == (cut.edges[0], cut.edges[1])
    assert cut.around(1e9) == (cut.edges[-2], cut.edges[-1])
    middle = (cut.edges[7] + cut.edges[8]) / 2
    assert cut.around(middle) == (cut.edges[7], cut.edges[8])


@pytest.mark.parametrize(("count", "bars"), [(3, 30), (200, 60), (1_999, 60), (2_000, 120)])
def test_few_traces_get_few_bars(count: int, bars: int) -> None:
    assert len(histogram(np.arange(count, dtype=float)).totals) == bars
