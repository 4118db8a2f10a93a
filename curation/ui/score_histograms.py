"""The scores that a recipe reads: what is kept over what is left out, and the recipe's lines."""

from functools import partial
from math import isfinite

import streamlit as st

from curation.selection.boundary import Boundary
from curation.selection.select import Selection
from curation.store.columns import SIGNED
from curation.ui.cached import column_of
from curation.ui.charts import show
from curation.ui.format import number
from curation.ui.markup import escape
from curation.ui.scores import histogram_of
from curation.ui.selected import boundaries_of
from curation.ui.session import Session
from curation.ui.split_figure import split_histogram, to_be_clicked
from curation.ui.threshold import Threshold, set_threshold, threshold_slider

SEVERAL = "Up to its line a score has no objection; beyond it the mean rank by single queries may still save a trace."
BANDS = "A trace is kept if it lies inside the band of every score that it has."
MEANS = "What counts is the mean of a trace's ranks, so there is no line on a single score."


def score_histograms(session: Session, selection: Selection, threshold: Threshold | None) -> None:
    """A histogram of each score that the recipe reads, or of each influence where it reads its rank too."""
    names = [name for name in selection.pool.scores if name in session.score_names]
    shown = [name for name in names if not name.startswith("influence-rank/")] or names
    if not shown:
        st.caption("This recipe reads no score of the run, so there is no line to draw.")
    lines = boundaries_of(session, selection)
    if threshold is not None:
        threshold_slider(threshold)
    for name in shown:
        of_threshold = threshold if threshold and threshold.score == name else None
        line = of_threshold.line if of_threshold else lines.get(name)
        _histogram(session, selection, name, line, of_threshold, height=260 if len(shown) == 1 else 190)
    if len(names) > 1 and lines:
        st.caption(BANDS if selection.recipe.name == "medium" else SEVERAL)
    elif len(names) > 1:
        st.caption(MEANS)
    elif lines:
        _range(session, names[0], lines[names[0]])


def _histogram(
    session: Session,
    selection: Selection,
    name: str,
    line: Boundary | None,
    threshold: Threshold | None,
    height: int,
) -> None:
    bars, key = histogram_of(session, name), f"histogram_{name}"
    figure = split_histogram(name, bars, bars.counts(selection.selected), _labels(name, line), height)
    if threshold is None:
        show(figure, key=key)
        return
    show(
        to_be_clicked(figure),
        key=key,
        on_select=partial(set_threshold, key, threshold),
        selection_mode="points",
    )


def _labels(name: str, line: Boundary | None) -> dict[str, float]:
    """What is written at each end of what a line parts, and where that is."""
    signed = name.partition("/")[0] in SIGNED
    ends = {"≥": line.low, "≤": line.high} if line else {}
    return {f"{sign} {number(end, signed=signed)}": end for sign, end in ends.items() if isfinite(end)}


def _range(session: Session, name: str, line: Boundary) -> None:
    values = column_of(session, name).values
    low, high = max(line.low, float(values[0])), min(line.high, float(values[-1]))
    st.caption(
        f"The recipe keeps {escape(name)} from {number(low)} to {number(high)}. "
        "The bars at the ends hold all that lies beyond."
    )
