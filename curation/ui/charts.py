"""Plotly figures in the app's colours: blue is helpful, orange is harmful, in light and in dark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from curation.store.columns import Column

CONFIG = {"displaylogo": False, "showSendToCloud": False, "responsive": True}
BINS = 60
# Told apart by people with any colour vision, on light and on dark, and neither helpful nor harmful.
APART = ("#aa4499", "#888888", "#228866")


@dataclass(frozen=True)
class Palette:
    """The theme's colours as Plotly needs them."""

    helpful: str
    harmful: str
    neutral: str
    faint: str
    text: str
    sequential: tuple[str, str]


_LIGHT = Palette("#2166ac", "#c2560c", "#66707d", "#d5dbe2", "#1d2530", ("#dbe7f3", "#0b3866"))
_DARK = Palette("#6cb0f0", "#f0a05a", "#98a2ae", "#3a424d", "#e3e7ec", ("#22364a", "#a9d3fb"))


def palette() -> Palette:
    """Colours for the theme that the reader's browser shows."""
    return _DARK if st.context.theme.type == "dark" else _LIGHT


def show(figure: go.Figure, **options: Any) -> Any:
    """Put a figure on the page, without a toolbar that nobody asked for."""
    return st.plotly_chart(figure, config={**CONFIG, "displayModeBar": False}, **options)


def distributions(columns: Sequence[Column], wide: int = 4) -> go.Figure:
    """A small histogram for each score."""
    colors = palette()
    rows = ceil(len(columns) / wide)
    titles = [escape(column.name) for column in columns]
    figure = make_subplots(
        rows, wide, subplot_titles=titles, vertical_spacing=0.42 / rows, horizontal_spacing=0.035
    )
    for place, column in enumerate(columns):
        counts, edges = column.histogram(36)
        figure.add_trace(
            bars(counts, edges, _colors(edges, column, colors)), place // wide + 1, place % wide + 1
        )
    figure.update_yaxes(visible=False)
    figure.update_xaxes(nticks=4, tickfont_size=11)
    figure.update_annotations(font_size=12, font_color=colors.text)
    return plain(figure, 165 * rows)


def brushed_histogram(
    values: NDArray[np.float64], among: NDArray[np.bool_], inside: NDArray[np.bool_], column: Column
) -> go.Figure:
    """The distribution of a score over some traces, those inside its limits in colour; to be brushed.

    Args:
        values: (traces,) the score.
        among: (traces,) which are counted.
        inside: (traces,) which are inside the limits.
        column: The score's own column, which sets the bins.
    """
    colors = palette()
    parts = {"shown": (among & inside, colors.helpful), "filtered out": (among & ~inside, colors.faint)}
    figure = _stacked(values, parts, column)
    figure.update_layout(height=200, dragmode="select", selectdirection="h", showlegend=False)
    figure.update_traces(selected_marker_opacity=1, unselected_marker_opacity=1)
    return figure


def parted_histogram(
    values: NDArray[np.float64], parts: Mapping[str, NDArray[np.bool_]], column: Column
) -> go.Figure:
    """The distribution of a score over what the first selection alone keeps, both, the second alone, and neither.

    Args:
        values: (traces,) the score.
        parts: Four of them, by name.
        column: The score's own column, which sets the bins.
    """
    colors = palette()
    inks = (*APART, colors.faint)
    return _stacked(
        values,
        {escape(name): (inside, ink) for (name, inside), ink in zip(parts.items(), inks, strict=True)},
        column,
    )


def _stacked(
    values: NDArray[np.float64], parts: Mapping[str, tuple[NDArray[np.bool_], str]], column: Column
) -> go.Figure:
    _, edges = column.histogram(BINS)
    inside = np.clip(values, edges[0], edges[-1])
    figure = go.Figure()
    for name, (which, color) in parts.items():
        counts, _ = np.histogram(inside[which & np.isfinite(values)], edges)
        figure.add_trace(bars(counts, edges, [color] * BINS, name))
    legend = {"orientation": "h", "y": 1.12, "x": 0, "traceorder": "normal"}
    figure.update_layout(barmode="stack", showlegend=True, legend=legend)
    figure.update_xaxes(title=escape(column.name))
    figure.update_yaxes(title="traces", rangemode="tozero")
    return plain(figure, 260)


def bars(counts: NDArray[Any], edges: NDArray[np.float64], color: list[str], name: str = "") -> go.Bar:
    """A histogram's bars, which say their span and their count."""
    middles = (edges[:-1] + edges[1:]) / 2
    spans = np.stack([edges[:-1], edges[1:]], axis=-1)
    return go.Bar(
        x=middles,
        y=counts,
        width=np.diff(edges),
        customdata=spans,
        marker={"color": color, "line_width": 0},
        name=name,
        hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y:,} traces<extra>"
        + name
        + "</extra>",
        showlegend=bool(name),
    )


def _colors(edges: NDArray[np.float64], column: Column, colors: Palette) -> list[str]:
    """Blue above zero and orange below for a signed score, grey for the others."""
    if not column.signed:
        return [colors.neutral] * (len(edges) - 1)
    middles = (edges[:-1] + edges[1:]) / 2
    return [colors.helpful if middle > 0 else colors.harmful for middle in middles]


def plain(figure: go.Figure, height: int) -> go.Figure:
    """A figure that neither zooms nor pans."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        bargap=0,
        dragmode=False,
        hoverlabel={"namelength": -1},
    )
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure
