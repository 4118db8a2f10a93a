"""One score against another as a Plotly figure: what a selection keeps and prunes, and the recipe's boundary."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from curation.selection.agreement import Agreement
from curation.selection.boundary import Boundary
from curation.selection.joint import places
from curation.store.frame import Frame
from curation.ui.charts import Palette, palette
from curation.ui.map_figure import Indices, label

Floats = NDArray[np.float64]
# A view that the few most extreme traces would squeeze shows the others; these are one zoom away.
CENTRAL, MARGIN = (0.003, 0.997), 0.12


@dataclass(frozen=True)
class Plane:
    """All traces by two scores, in the order of their sorted ids.

    Attributes:
        x_name: Score along the horizontal.
        y_name: Score along the vertical.
        x: (P,) its values, NaN where not computed.
        y: (P,) the same.
        frame: All traces.
        states: (P,) place in `STATES` of each.
        zeros: Where zero is on either axis.
        unit: What the axes count, beside the score's name.
    """

    x_name: str
    y_name: str
    x: Floats
    y: Floats
    frame: Frame
    states: NDArray[np.int8]
    zeros: tuple[float, float] = (0.0, 0.0)
    unit: str = ""

    def by_place(self) -> "Plane":
        """The same with each value's place among all, in percent from the lowest: heavy tails no longer squeeze the rest."""
        zeros = (place_of(0.0, self.x), place_of(0.0, self.y))
        return replace(self, x=_places(self.x), y=_places(self.y), zeros=zeros, unit=", place in %")


def place_of(value: float, values: Floats) -> float:
    """Percent of the known values that lie below one; an end at infinity stays there."""
    if np.isinf(value):
        return value
    known = values[np.isfinite(values)]
    return 100 * float((known < value).sum()) / max(1, len(known))


def _places(values: Floats) -> Floats:
    known = np.isfinite(values)
    found = np.full(len(values), np.nan)
    found[known] = 100 * (places(values[known]) - 0.5) / max(1, int(known.sum()))
    return found


# What a trace is to the selection -> its mark; colour is never alone.
STATES = {
    "pruned": "x-thin-open",
    "in the selection": "circle",
    "undecided": "circle",
    "kept by hand": "diamond",
    "vetoed": "x",
}


def plane_figure(plane: Plane, shown: Indices, boundaries: Mapping[str, Boundary]) -> go.Figure:
    """Draw some of the points, and the boundaries on the two scores.

    Args:
        plane: All traces.
        shown: Indices of those to draw.
        boundaries: By score; those on other scores are not drawn.
    """
    colors = palette()
    inks = {
        "pruned": colors.neutral,
        "in the selection": colors.helpful,
        "undecided": colors.neutral,
        "kept by hand": colors.helpful,
        "vetoed": colors.harmful,
    }
    figure = go.Figure()
    size = 8 if len(shown) <= 1_000 else 6 if len(shown) <= 10_000 else 4
    for code, (state, symbol) in enumerate(STATES.items()):
        which = shown[plane.states[shown] == code]
        if len(which):
            thin = symbol.endswith("-open")
            marker = {"size": size, "symbol": symbol, "color": inks[state], "opacity": 0.7 if thin else 0.85}
            marker["line"] = {"width": 1 if thin else 0, "color": inks[state]}
            figure.add_trace(_points(plane, which, state, marker))
    _draw_boundaries(figure, plane, boundaries, colors)
    zero = {"line": {"width": 1, "color": colors.neutral}, "layer": "below"}
    figure.add_vline(plane.zeros[0], **zero)
    figure.add_hline(plane.zeros[1], **zero)
    for update, values in ((figure.update_xaxes, plane.x), (figure.update_yaxes, plane.y)):
        update(range=view_range(values), zeroline=False)
    figure.update_xaxes(title=label(plane.x_name + plane.unit))
    figure.update_yaxes(title=label(plane.y_name + plane.unit))
    figure.update_layout(
        height=640,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        dragmode="lasso",
        showlegend=True,
        legend={"orientation": "h", "y": 1.06, "x": 0, "itemsizing": "constant"},
    )
    return figure


def view_range(values: Floats) -> tuple[float, float]:
    """What an axis shows: the central values and zero, with some room."""
    known = values[np.isfinite(values)]
    if not len(known):
        return -1.0, 1.0
    low, high = (float(end) for end in np.quantile(known, CENTRAL))
    if known.min() < 0:
        low, high = min(low, 0.0), max(high, 0.0)
    room = MARGIN * (high - low) or 1.0
    return low - room, high + room


def agreement_figure(agreement: Agreement) -> go.Figure:
    """The matrix of Spearman's rho, with the number in each field."""
    colors = palette()
    names = [label(name) for name in agreement.names]
    text = [
        ["—" if np.isnan(rho) else f"{rho:+.2f}".replace("-", "−") for rho in row] for row in agreement.rho
    ]
    figure = go.Figure(
        go.Heatmap(
            z=agreement.rho,
            x=names,
            y=names,
            text=text,
            texttemplate="%{text}",
            zmin=-1,
            zmax=1,
            colorscale=[(0.0, colors.harmful), (0.5, colors.faint), (1.0, colors.helpful)],
            hovertemplate="%{y} and %{x}: %{text}<extra></extra>",
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    figure.update_xaxes(tickangle=-40, fixedrange=True)
    figure.update_layout(
        height=140 + 26 * len(names), margin={"l": 0, "r": 0, "t": 8, "b": 0}, dragmode=False
    )
    return figure


def _points(plane: Plane, which: Indices, name: str, marker: dict[str, object]) -> go.Scattergl:
    return go.Scattergl(
        x=plane.x[which],
        y=plane.y[which],
        customdata=plane.frame.texts_of(which),
        mode="markers",
        name=f"{name} ({len(which):,})",
        marker=marker,
        hovertemplate="%{customdata}<br>%{x:.3g}, %{y:.3g}<extra>" + name + "</extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.2}},
    )


def _draw_boundaries(
    figure: go.Figure, plane: Plane, boundaries: Mapping[str, Boundary], colors: Palette
) -> None:
    """A dashed line at each end of a boundary."""
    for name, add in ((plane.x_name, figure.add_vline), (plane.y_name, figure.add_hline)):
        if boundary := boundaries.get(name):
            for end in (boundary.low, boundary.high):
                if np.isfinite(end):
                    add(end, line={"dash": "dash", "width": 1.5, "color": colors.text})
