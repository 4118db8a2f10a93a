"""Browse's filters: the distribution to brush, limits of any score, and facets with their counts."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from curation.store.columns import Column
from curation.store.frame import Bools
from curation.store.verdicts import KEEP, UNDECIDED, VETO
from curation.store.view import Facts, View, conditions, inside
from curation.ui import charts
from curation.ui.cached import by_trace, column_of, facet_keys_of, facet_of
from curation.ui.listing import facts_of
from curation.ui.markup import cell, escape
from curation.ui.mirror import key_for, key_of, renew, value_of
from curation.ui.selected import current_selection
from curation.ui.session import Session
from curation.ui.view import SELECTIONS, VERDICTS, change, facet_label, set_facet, set_range

Held = Mapping[str, Bools]
# Of a facet so many kinds are offered, the most frequent ones.
MOST = 20


def filters(session: Session, view: View) -> None:
    """Everything that narrows the list; counts are of the traces that the other filters leave."""
    facts = facts_of(session, view)
    held = conditions(view, facts)
    left, right = st.columns([5, 7], gap="large")
    with left:
        if view.score:
            _brush(session, view, facts, held)
            _ranges(session, view)
    with right:
        _verdicts(view, facts, held)
        if current_selection(session):
            _selection(session, view, facts, held)
        for key in facet_keys_of(session):
            _facet(session, view, facts, held, key)


def _brush(session: Session, view: View, facts: Facts, held: Held) -> None:
    """The ranking score of what the other filters leave; a stroke across it limits the score."""
    score = view.score or ""
    values = by_trace(session, score)
    others = inside(held, facts.frame, without=f"range:{score}")
    figure = charts.brushed_histogram(
        values, others, held.get(f"range:{score}", np.ones(len(values), bool)), column_of(session, score)
    )
    st.plotly_chart(
        figure,
        key="brush",
        config={**charts.CONFIG, "displayModeBar": False},
        on_select=lambda: _brushed(column_of(session, score)),
        selection_mode="box",
    )
    st.caption("Draw across the bars to limit the score; a double click lets go of it.")


def _brushed(column: Column) -> None:
    boxes = (st.session_state["brush"].get("selection") or {}).get("box") or []
    if not boxes:
        set_range(column.name, None, None)
        return
    low, high = sorted(boxes[-1]["x"])
    # The end bars hold all that lies beyond the picture.
    _, edges = column.histogram(charts.BINS)
    set_range(column.name, None if low < edges[1] else float(low), None if high > edges[-2] else float(high))


def _ranges(session: Session, view: View) -> None:
    """Limits of the ranking score, and of any others."""
    limited = {one.score: one for one in view.ranges}
    for name in dict.fromkeys([view.score or "", *limited, *st.session_state.get("more_ranges", [])]):
        one = limited.get(name)
        low, high = st.columns(2)
        for place, end, value in (
            (low, "at least", one.low if one else None),
            (high, "at most", one.high if one else None),
        ):
            place.number_input(
                f"{escape(name)} {end}",
                value=value,
                key=key_for(f"limit_{end}_{name}", value),
                format="%.4g",
                on_change=_limited,
                args=(name,),
            )
    others = [name for name in session.score_names if name not in limited and name != view.score]
    if others:
        key = key_of("more_range")
        st.selectbox("Limit another score", others, index=None, key=key, on_change=_limit_another)


def _limited(name: str) -> None:
    low, high = (value_of(f"limit_{end}_{name}") for end in ("at least", "at most"))
    set_range(name, low, high)


def _limit_another() -> None:
    more = st.session_state.setdefault("more_ranges", [])
    if (name := value_of("more_range")) and name not in more:
        st.session_state["more_ranges"] = [*more, name]
    renew("more_range")


def _verdicts(view: View, facts: Facts, held: Held) -> None:
    others = inside(held, facts.frame, without="verdict")
    codes = facts.verdicts if facts.verdicts is not None else np.zeros(len(others), np.int8)
    counts = {
        name: int(np.count_nonzero(others & (codes == code)))
        for name, code in (("none", UNDECIDED), ("keep", KEEP), ("veto", VETO))
    }
    counts[""] = sum(counts.values())
    st.segmented_control(
        "Verdict",
        list(VERDICTS),
        default=view.verdict,
        format_func=lambda name: f"{VERDICTS[name]} {counts[name]:,}",
        key=key_for("browse_verdict", view.verdict),
        on_change=lambda: change(verdict=value_of("browse_verdict") or ""),
    )


def _selection(session: Session, view: View, facts: Facts, held: Held) -> None:
    others = inside(held, facts.frame, without="selection")
    selection = current_selection(session)
    chosen = int(np.count_nonzero(others & selection.selected)) if selection else 0
    every = int(np.count_nonzero(others))
    counts = {"": every, "in": chosen, "out": every - chosen}
    st.segmented_control(
        f"Selection {escape(session.selection_name)}",
        list(SELECTIONS),
        default=view.selection,
        format_func=lambda name: f"{SELECTIONS[name]} {counts[name]:,}",
        key=key_for("browse_selection", view.selection),
        on_change=lambda: change(selection=value_of("browse_selection") or ""),
    )


def _facet(session: Session, view: View, facts: Facts, held: Held, key: str) -> None:
    """The kinds of one facet, several at a time."""
    facet = facet_of(session, key)
    if len(facet.values) < 2:
        return
    shown = facet.values[:MOST]
    counts = dict(
        zip(facet.values, facet.counts(inside(held, facts.frame, without=f"facet:{key}")), strict=True)
    )
    chosen = [value for value in dict(view.facets).get(key, ()) if value in shown]
    st.pills(
        escape(facet_label(key)),
        shown,
        selection_mode="multi",
        default=chosen,
        wrap=True,
        format_func=lambda value: f"{cell(value[:40])} {counts[value]:,}",
        key=key_for(f"facet_{key}", chosen),
        on_change=lambda: set_facet(key, tuple(value_of(f"facet_{key}", ()))),
    )
