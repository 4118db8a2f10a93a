"""The map as a Plotly figure: one point a trace, coloured by a score or by a kind, with names on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from curation.store.columns import Column
from curation.store.frame import Bools, Frame
from curation.store.points import Points
from curation.ui.charts import palette
from curation.ui.format import plural
from curation.ui.label_shifts import label_shifts

MOST_KINDS = 9
LONGEST_LABEL = 60
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """What of a map is drawn.

    Attributes:
        frame: All traces.
        places: Where they are.
        shown: Indices of the traces to draw, all of them on the map.
        bright: (T,) the traces that stand out, where others are paled.
    """

    frame: Frame
    places: Points
    shown: Indices
    bright: Bools | None = None

    def trace(self, which: Indices, name: str, color: str | None) -> go.Scattergl:
        """Some of the points in one colour."""
        return go.Scattergl(
            x=self.places.x[which],
            y=self.places.y[which],
            customdata=self.frame.texts_of(which),
            mode="markers",
            name=name,
            marker={"size": _size(len(which)), "color": color},
            hovertemplate="%{customdata}<extra>" + name + "</extra>",
            selectedpoints=None if self.bright is None else np.flatnonzero(self.bright[which]).tolist(),
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.25}},
        )


def by_score(drawn: Drawn, values: NDArray[np.float64], column: Column) -> go.Figure:
    """Points in the colours of a score, (T,) values; grey where it was not computed."""
    colors, shown = palette(), drawn.shown
    known = shown[np.isfinite(values[shown])]
    known = known[np.argsort(np.abs(values[known]), kind="stable")]  # The strongest lie on top.
    figure = go.Figure()
    if len(known) < len(shown):
        figure.add_trace(drawn.trace(shown[~np.isfinite(values[shown])], "not computed", colors.faint))
    marker = {
        "size": _size(len(shown)),
        "color": values[known],
        "colorbar": {"title": "", "thickness": 12, "len": 0.6},
    }
    if column.signed:
        scale = [(0.0, colors.harmful), (0.5, colors.faint), (1.0, colors.helpful)]
        marker |= {"colorscale": scale, "cmin": -column.scale, "cmax": column.scale}
    else:
        low, high = column.values[[0, -1]] if column.count < 50 else np.quantile(column.values, [0.01, 0.99])
        marker |= {
            "colorscale": [(0.0, colors.sequential[0]), (1.0, colors.sequential[1])],
            "cmin": low,
            "cmax": high,
        }
    trace = drawn.trace(known, label(column.name), None)
    trace.update(
        marker=marker, text=values[known], hovertemplate="%{text:.3g}<br>%{customdata}<extra></extra>"
    )
    figure.add_trace(trace)
    return _framed(figure, legend=len(known) < len(shown))


def by_kind(drawn: Drawn, codes: NDArray[Any], names: Sequence[str]) -> go.Figure:
    """Points in one colour a kind, the most frequent first; further kinds share one.

    Args:
        drawn: The points.
        codes: (T,) place in `names` of each trace; negative is none.
        names: Of the kinds.
    """
    colors, shown = palette(), drawn.shown
    found, counts = np.unique(codes[shown], return_counts=True)
    order = found[np.lexsort((found, -counts))]
    verdicts = {"keep": colors.helpful, "veto": colors.harmful, "undecided": colors.faint}
    figure = go.Figure()
    for place, code in enumerate(order[:MOST_KINDS].tolist()):
        which = shown[codes[shown] == code]
        name = names[code] if code >= 0 else "none"
        color = verdicts.get(name) if set(names) <= set(verdicts) else None
        figure.add_trace(drawn.trace(which, label(name or "none"), color or KINDS[place]))
    if len(order) > MOST_KINDS:
        rest = shown[~np.isin(codes[shown], order[:MOST_KINDS])]
        figure.add_trace(drawn.trace(rest, plural(len(order) - MOST_KINDS, "other"), colors.faint))
    return _framed(figure, legend=True)


def write_names(
    figure: go.Figure, drawn: Drawn, names: Sequence[tuple[float, float, str]], width: int
) -> None:
    """Write names on a map that is about `width` pixels wide, (x, y, name) each, as text that no lasso meets."""
    dark = st.context.theme.type == "dark"
    x, y = drawn.places.x[drawn.shown], drawn.places.y[drawn.shown]
    scale = min(width / max(float(np.ptp(x)), 1e-9), figure.layout.height / max(float(np.ptp(y)), 1e-9))
    shifts = label_shifts([(x * scale, y * scale) for x, y, _ in names], [name for *_, name in names])
    for (across, up, name), shift in zip(names, shifts, strict=True):
        figure.add_annotation(
            x=across,
            y=up,
            yshift=shift,
            text=label(name),
            showarrow=False,
            font={"size": 11, "color": palette().text},
            bgcolor="rgba(19,22,27,0.72)" if dark else "rgba(255,255,255,0.78)",
            borderpad=1,
        )


# Told apart by people with any colour vision, on light and on dark.
KINDS = ("#4477aa", "#ee9944", "#228866", "#aa6699", "#bbaa33", "#55aacc", "#cc6677", "#888888", "#997755")


def label(text: str) -> str:
    """A name as Plotly shows it: its text is read as a kind of HTML, and as a template."""
    return escape(text[:LONGEST_LABEL]).replace("%{", "% {")


def _size(count: int) -> int:
    return 8 if count <= 1_000 else 5 if count <= 10_000 else 3


def _framed(figure: go.Figure, legend: bool) -> go.Figure:
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    figure.update_layout(
        height=640,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        dragmode="lasso",
        showlegend=legend,
        legend={"orientation": "h", "y": -0.02, "itemsizing": "constant"},
    )
    return figure
