"""The map as a Plotly figure: one point a trace, coloured by a score or by a kind."""

from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from curation.store.columns import Column
from curation.store.points import Points
from curation.ui.charts import palette

MOST_KINDS = 9
Indices = NDArray[np.int64]


def by_score(places: Points, values: NDArray[np.float64], column: Column, shown: Indices) -> go.Figure:
    """Points in the colours of a score; grey where it was not computed."""
    colors = palette()
    known = shown[np.isfinite(values[shown])]
    known = known[np.argsort(np.abs(values[known]), kind="stable")]  # The strongest lie on top.
    figure = go.Figure()
    if len(known) < len(shown):
        figure.add_trace(_points(places, shown[~np.isfinite(values[shown])], "not computed", colors.faint))
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
    trace = _points(places, known, label(column.name), None)
    trace.update(
        marker=marker, text=values[known], hovertemplate="%{text:.3g}<br>%{customdata}<extra></extra>"
    )
    figure.add_trace(trace)
    return _framed(figure, legend=len(known) < len(shown))


def by_kind(places: Points, kinds: NDArray[np.object_], shown: Indices) -> go.Figure:
    """Points in one colour a kind, the most frequent first; further kinds share one."""
    colors = palette()
    names, counts = np.unique(kinds[shown].astype(str), return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    verdicts = {"keep": colors.helpful, "veto": colors.harmful, "undecided": colors.faint}
    figure = go.Figure()
    for place, name in enumerate(order[:MOST_KINDS]):
        which = shown[kinds[shown].astype(str) == name]
        color = verdicts.get(name) if set(order) <= set(verdicts) else None
        figure.add_trace(_points(places, which, label(name or "none"), color or KINDS[place]))
    if len(order) > MOST_KINDS:
        rest = shown[~np.isin(kinds[shown].astype(str), order[:MOST_KINDS])]
        figure.add_trace(_points(places, rest, f"{len(order) - MOST_KINDS} others", colors.faint))
    return _framed(figure, legend=True)


# Told apart by people with any colour vision, on light and on dark.
KINDS = ("#4477aa", "#ee9944", "#228866", "#aa6699", "#bbaa33", "#55aacc", "#cc6677", "#888888", "#997755")


def label(text: str) -> str:
    """A name as Plotly shows it: its text is read as a kind of HTML, and as a template."""
    return escape(text[:60]).replace("%{", "% {")


def _points(places: Points, which: Indices, name: str, color: str | None) -> go.Scattergl:
    return go.Scattergl(
        x=places.x[which],
        y=places.y[which],
        customdata=places.trace_ids[which],
        mode="markers",
        name=name,
        marker={"size": _size(len(places.x)), "color": color},
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
