"""A score's histogram as a Plotly figure: what is kept over what is left out, and where a recipe draws its lines."""

from collections.abc import Mapping
from html import escape

import plotly.graph_objects as go

from curation.selection.choose import Ints
from curation.selection.histogram import Histogram
from curation.ui.charts import bars, palette, plain


def split_histogram(
    name: str, cut: Histogram, kept: Ints, lines: Mapping[str, float], height: int = 260
) -> go.Figure:
    """The distribution of a score: what a selection keeps over what it leaves out, and the recipe's lines.

    It spans just what a slider as wide as itself would.

    Args:
        name: The score.
        cut: It, cut into bars.
        kept: (B,) traces of each bar that are kept.
        lines: What is written at a line -> its value; beyond the bars it is drawn at their end.
        height: In pixels.
    """
    colors = palette()
    figure = go.Figure()
    for part, counts, color in (
        ("kept", kept, colors.helpful),
        ("left out", cut.totals - kept, colors.faint),
    ):
        figure.add_trace(bars(counts, cut.edges, [color] * len(counts), part))
    for row, (text, value) in enumerate(lines.items()):
        place = min(max(value, cut.low), cut.high)
        figure.add_vline(place, line={"dash": "dash", "width": 1.5, "color": colors.text})
        to_the_left = place > (cut.low + cut.high) / 2
        figure.add_annotation(
            x=place,
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="right" if to_the_left else "left",
            xshift=-4 if to_the_left else 4,
            yshift=-18 * row,
            text=f"<b>{escape(text)}</b>",
            showarrow=False,
            font={"size": 13, "color": colors.text},
        )
    figure.update_layout(
        barmode="stack",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    figure.update_xaxes(title=escape(name), range=[cut.low, cut.high], zeroline=False)
    figure.update_yaxes(rangemode="tozero", ticklabelposition="inside", nticks=4, automargin=False)
    plain(figure, height)
    # The track of a slider stands so far inside its ends.
    figure.update_layout(margin={"l": 5, "r": 5})
    return figure


def to_be_clicked(figure: go.Figure) -> go.Figure:
    """Let a click anywhere over or under the end of a bar take it, without the bars showing it."""
    figure.update_layout(hovermode="x")
    figure.update_traces(selected_marker_opacity=1, unselected_marker_opacity=1)
    return figure
