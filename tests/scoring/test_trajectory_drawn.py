"""Weights of the data by lot: evenly spread over traces and over replays, the same whatever the order."""

import numpy as np
import pytest

from curation.scoring.trajectory.drawn import drawn_weights

NAMES = [f"{number:016x}" for number in range(200)]


@pytest.mark.parametrize("number", [0, 1, 7, 1000])
def test_weights_are_evenly_spread_over_the_traces(number: int) -> None:
    weights = np.sort(drawn_weights(NAMES, number))
    assert weights[0] >= 0
    assert weights[-1] < 2
    assert np.allclose(np.diff(weights), 0.01)
    assert weights.mean() == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("replays", [4, 8, 13])
def test_replays_in_a_row_spread_each_traces_weight_evenly(replays: int) -> None:
    drawn = np.sort([drawn_weights(NAMES, 5 + number) for number in range(replays)], axis=0)
    even = (2 * np.arange(replays)[:, None] + 1) / replays
    assert np.abs(drawn - even).max() < 3 / replays
    assert np.abs(drawn.mean(0) - 1).max() < 2 / replays  # Drawn anew each time it is up to 2.9, 4.7 and 6.3.


def test_a_weight_is_the_traces_own_and_two_traces_have_nothing_to_do_with_each_other() -> None:
    weights = drawn_weights(NAMES, 3)
    assert np.array_equal(drawn_weights(NAMES[::-1], 3), weights[::-1])
    assert abs(np.corrcoef(weights[:-1], weights[1:])[0, 1]) < 0.2
    assert len(drawn_weights([], 0)) == 0
