"""The threshold of a recipe of one score: a slider over the histogram, and a click on it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import streamlit as st

from curation.selection.boundary import Boundary
from curation.selection.histogram import BARS, Histogram
from curation.store.columns import Column
from curation.ui.cached import column_of
from curation.ui.markup import escape
from curation.ui.mirror import key_for, value_of
from curation.ui.scores import histogram_of
from curation.ui.session import Session

# A multiple of the bars, however many they are, so that a click on a bar finds its edge.
STEPS = 8 * BARS


class ThresholdOf(NamedTuple):
    """What a threshold is of: a run's score, and whether values up to it are kept, or those from it on."""

    run_id: str | None
    score: str
    at_most: bool


@dataclass(frozen=True)
class Threshold:
    """Where a recipe of one score stops.

    Attributes:
        of: What it is of.
        value: The threshold.
        bars: The score's histogram, which it moves along.
    """

    of: ThresholdOf
    value: float
    bars: Histogram

    @property
    def score(self) -> str:
        """The score."""
        return self.of.score

    @property
    def at_most(self) -> bool:
        """Whether values up to the threshold are kept."""
        return self.of.at_most

    @property
    def line(self) -> Boundary:
        """What it keeps."""
        return Boundary(-math.inf, self.value) if self.at_most else Boundary(self.value, math.inf)

    def keeps(self, column: Column) -> int:
        """How many traces it keeps."""
        return column.span(None, self.value) if self.at_most else column.span(self.value, None)


def held_threshold(session: Session, score: str, *, at_most: bool) -> Threshold:
    """The threshold that this tab holds for a score; at first where the share draws its line."""
    bars, of = histogram_of(session, score), ThresholdOf(session.run_id, score, at_most)
    if of not in _held():
        _held()[of] = on_a_step(_line_of_share(session, score, at_most=at_most), bars)
    return Threshold(of, _held()[of], bars)


def _held() -> dict[ThresholdOf, float]:
    """The thresholds of this tab."""
    held: dict[ThresholdOf, float] = st.session_state.setdefault("thresholds", {})
    return held


def threshold_slider(threshold: Threshold) -> None:
    """The slider, as wide as the histogram under it."""
    low, high = threshold.bars.low, threshold.bars.high
    decimals = max(0, 2 - math.floor(math.log10(high - low)))
    st.slider(
        f"Keep {escape(threshold.score)} of {'at most' if threshold.at_most else 'at least'}",
        low,
        high,
        threshold.value,
        step=(high - low) / STEPS,
        key=key_for("threshold", threshold.value),
        on_change=lambda: _held().update({threshold.of: value_of("threshold")}),
        format=f"%.{decimals}f",
        help="A click on a bar of the histogram keeps that bar and all that is better.",
    )


def set_threshold(chart: str, threshold: Threshold) -> None:
    """Move to where the histogram was clicked; for its callback."""
    event = st.session_state.get(chart) or {}
    value = pointed_at(event.get("selection") or {}, threshold.bars, at_most=threshold.at_most)
    # To Plotly a second click on a bar takes it back; here it means that bar again.
    last: dict[str, float] = st.session_state.setdefault("threshold_clicked", {})
    value = last.get(chart) if value is None else value
    if value is not None:
        last[chart] = value
        _held()[threshold.of] = on_a_step(value, threshold.bars)


def pointed_at(selection: Mapping[str, Any], bars: Histogram, *, at_most: bool) -> float | None:
    """The threshold that keeps just the bar that was clicked and what is better; None if none was clicked.

    Args:
        selection: What Plotly tells of a click.
        bars: The bars.
        at_most: Whether low values are kept.
    """
    points = selection.get("points")
    return bars.around(float(points[-1]["x"]))[-1 if at_most else 0] if points else None


def on_a_step(value: float, bars: Histogram) -> float:
    """The nearest place where the slider can stand."""
    step = (bars.high - bars.low) / STEPS
    place = min(max(round((value - bars.low) / step), 0), STEPS)
    return bars.high if place == STEPS else bars.low + place * step


def _line_of_share(session: Session, score: str, *, at_most: bool) -> float:
    column = column_of(session, score)
    kept = round(st.session_state.get("keep_share", 50.0) / 100 * session.counts.traces)
    kept = min(max(kept, 1), column.count)
    return float(column.values[kept - 1 if at_most else column.count - kept])
