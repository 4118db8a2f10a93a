"""The threshold as a click on the histogram sets it."""

import numpy as np
import pytest

from curation.selection.histogram import histogram
from curation.ui.threshold import on_a_step, pointed_at

VALUES = np.random.default_rng(4).normal(size=4_000)
BARS = histogram(VALUES)


@pytest.mark.parametrize("bar", [0, 1, 57, 119])
@pytest.mark.parametrize("at_most", [True, False])
def test_a_click_keeps_just_the_bar_and_what_is_better(bar: int, at_most: bool) -> None:
    middle = (BARS.edges[bar] + BARS.edges[bar + 1]) / 2
    click = {"points": [{"x": float(middle)}, {"x": float(middle)}], "box": [], "lasso": []}
    value = pointed_at(click, BARS, at_most=at_most)
    assert value is not None
    assert value == BARS.edges[bar + 1 if at_most else bar]
    assert on_a_step(value, BARS) == pytest.approx(value)


@pytest.mark.parametrize("selection", [{}, {"points": []}])
def test_no_click_is_no_threshold(selection: dict[str, list[object]]) -> None:
    assert pointed_at(selection, BARS, at_most=False) is None


def test_the_slider_stands_inside_its_ends() -> None:
    assert on_a_step(-1e9, BARS) == BARS.low
    assert on_a_step(1e9, BARS) == BARS.high
    assert on_a_step(0.1234, BARS) == pytest.approx(0.1234, abs=(BARS.high - BARS.low) / 1_000)
