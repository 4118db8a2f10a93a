"""Differences to random as a figure: a dot and its interval for each recipe and share, about a line at zero."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from curation.ui.charts import Palette, palette, plain
from curation.ui.format import MISSING
from curation.validation.compare import Difference, Row
from curation.validation.report import share

LINE, FRAME = 44, 96
# Where the two dots of a line stand, so that their intervals do not cover each other.
APART = 0.16


def difference_figure(rows: Sequence[Row]) -> go.Figure:
    """Differences at equal traces (filled) and at equal tokens (open), in accuracy where it is known, and log-likelihood.

    Args:
        rows: Of all shares; random's own are not drawn.
    """
    drawn = [row for row in rows if row.log_likelihood_minus_random]
    graded = any(row.accuracy_minus_random for row in drawn)
    titles = ["accuracy minus random", "log-likelihood a token minus random"][not graded :]
    figure = make_subplots(1, len(titles), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.04)
    colors = palette()
    for column, title in enumerate(titles, 1):
        for equal in ("traces", "tokens"):
            found = [(place, row, _difference(row, title, equal)) for place, row in enumerate(drawn)]
            known = [(place, row, one) for place, row, one in found if one]
            if known:
                figure.add_trace(_dots(known, equal, colors, named=column == 1), 1, column)
        figure.add_vline(x=0, line_color=colors.neutral, line_width=1.5, col=column)
    labels = [escape(f"{row.name}, {share(row.keep)}" if row.keep else row.name) for row in drawn]
    figure.update_yaxes(range=[len(drawn) - 0.5, -0.5], tickvals=list(range(len(drawn))), ticktext=labels)
    figure.update_yaxes(showgrid=False, zeroline=False, tickfont_size=12, ticks="")
    figure.update_xaxes(zeroline=False, nticks=6)
    figure.update_annotations(font_size=12, font_color=colors.text)
    made = plain(figure, FRAME + LINE * len(drawn))
    made.update_layout(legend={"orientation": "h", "y": -34 / (LINE * len(drawn)), "x": 0, "yanchor": "top"})
    made.update_layout(margin_b=48)
    return made


def _difference(row: Row, title: str, equal: str) -> Difference | None:
    if equal == "traces":
        return row.accuracy_minus_random if title.startswith("accuracy") else row.log_likelihood_minus_random
    if row.at_equal_tokens is None:
        return None
    return (
        row.at_equal_tokens.accuracy if title.startswith("accuracy") else row.at_equal_tokens.log_likelihood
    )


def _dots(
    found: Sequence[tuple[int, Row, Difference]], equal: str, colors: Palette, *, named: bool
) -> go.Scatter:
    inks = [_ink(one, colors) for _, _, one in found]
    reach = [0.0 if one.high is None else one.high - one.mean for _, _, one in found]
    return go.Scatter(
        x=[one.mean for _, _, one in found],
        y=[place + (APART if equal == "tokens" else -APART) for place, _, _ in found],
        mode="markers",
        name=f"at equal {equal}",
        legendgroup=equal,
        showlegend=named,
        marker={
            "size": 10,
            "color": inks,
            "line": {"width": 2, "color": inks},
            "symbol": "circle" if equal == "traces" else "circle-open",
        },
        error_x={"array": reach, "color": colors.neutral, "thickness": 1.5, "width": 4},
        text=[
            f"{escape(row.name)}, {share(row.keep)}, at equal {equal}: {with_interval(one, 4)}<br>{escape(one.words)}"
            for _, row, one in found
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _ink(difference: Difference, colors: Palette) -> str:
    """Blue where it is better than random, orange where it is worse, grey where that cannot be told."""
    if difference.low is not None and difference.low > 0:
        return colors.helpful
    return colors.harmful if difference.high is not None and difference.high < 0 else colors.neutral


def with_interval(difference: Difference | None, decimals: int) -> str:
    """A difference and how far its 95% interval reaches to either side; an em-dash where there is none."""
    if difference is None:
        return MISSING
    mean = f"{difference.mean:+.{decimals}f}".replace("-", "−", 1)
    return mean if difference.high is None else f"{mean} ± {difference.high - difference.mean:.{decimals}f}"
