"""The map as a Plotly figure: one point a trace, coloured by a score or by a kind."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from curation.store.columns import Column
from curation.store.frame import Frame
from curation.store.points import Points
from curation.ui.charts import palette

MOST_KINDS = 9
Indices = NDArray[np.int64]


def by_score(
    frame: Frame, places: Points, values: NDArray[np.float64], column: Column, shown: Indices
) -> go.Figure:
    """Points in the colours of a score; grey where it was not computed."""
    colors = palette()
    known = shown[np.isfinite(values[shown])]
    known = known[np.argsort(np.abs(values[known]), kind="stable")]  # The strongest lie on top.
    figure = go.Figure()
    if len(known) < len(shown):
        figure.add_trace(
            _points(frame, places, shown[~np.isfinite(values[shown])], "not computed", colors.faint)
        )
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
    trace = _points(frame, places, known, label(column.name), None)
    trace.update(
        marker=marker, text=values[known], hovertemplate="%{text:.3g}<br>%{customdata}<extra></extra>"
    )
    figure.add_trace(trace)
    return _framed(figure, legend=len(known) < len(shown))


def by_kind(
    frame: Frame, places: Points, codes: NDArray[Any], names: Sequence[str], shown: Indices
) -> go.Figure:
    """Points in one colour a kind, the most frequent first; further kinds share one.

    Args:
        frame: All traces.
        places: Where they are.
        codes: (T,) place in `names` of each trace; negative is none.
        names: Of the kinds.
        shown: Indices of the traces to draw.
    """
    colors = palette()
    found, counts = np.unique(codes[shown], return_counts=True)
    order = found[np.lexsort((found, -counts))]
    verdicts = {"keep": colors.helpful, "veto": colors.harmful, "undecided": colors.faint}
    figure = go.Figure()
    for place, code in enumerate(order[:MOST_KINDS].tolist()):
        which = shown[codes[shown] == code]
        name = names[code] if code >= 0 else "none"
        color = verdicts.get(name) if set(names) <= set(verdicts) else None
        figure.add_trace(_points(frame, places, which, label(name or "none"), color or KINDS[place]))
    if len(order) > MOST_KINDS:
        rest = shown[~np.isin(codes[shown], order[:MOST_KINDS])]
        figure.add_trace(_points(frame, places, rest, f"{len(order) - MOST_KINDS} others", colors.faint))
    return _framed(figure, legend=True)


# Told apart by people with any colour vision, on light and on dark.
KINDS = ("#4477aa", "#ee9944", "#228866", "#aa6699", "#bbaa33", "#55aacc", "#cc6677", "#888888", "#997755")


def label(text: str) -> str:
    """A name as Plotly shows it: its text is read as a kind of HTML, and as a template."""
    return escape(text[:60]).replace("%{", "% {")


def _points(frame: Frame, places: Points, which: Indices, name: str, color: str | None) -> go.Scattergl:
    return go.Scattergl(
        x=places.x[which],
        y=places.y[which],
        customdata=frame.names_of(which),
        mode="markers",
        name=name,
        marker={"size": _size(len(which)), "color": color},
        hovertemplate="%{customdata}<extra>" + name + "</extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.25}},
    )


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
