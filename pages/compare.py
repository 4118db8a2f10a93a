"""Compare: how do two choices differ? Two selections, two runs, or the traces of a group of near-duplicates."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.errors import CurationError
from curation.selection.compare import Difference, difference
from curation.selection.saved import list_selections, load_recipe
from curation.selection.select import Selection
from curation.ui import charts
from curation.ui.cached import by_trace, column_of, tokens_by_trace
from curation.ui.compare_runs import compare_runs
from curation.ui.format import percent, plural, whole
from curation.ui.markup import escape
from curation.ui.near_duplicates import near_duplicates
from curation.ui.part_list import part_list
from curation.ui.recipe_form import describe
from curation.ui.selected import selection_of
from curation.ui.session import Session, current_session
from curation.ui.walk import read_in_browse

LISTED = 10
SELECTIONS, RUNS, NEAR = "Two selections", "Two runs", "Near-duplicates"


def selections(session: Session) -> None:
    """What two saved selections keep: in numbers, as distributions, as lists."""
    saved = list_selections(session.project)
    if len(saved) < 2:
        st.info("Two saved selections are needed to compare; the Select page saves them under names.")
        st.page_link("pages/select.py", label="Select", icon=":material/tune:")
        return
    left, right = st.columns(2)
    a = left.selectbox("A", saved, key="compare_a", persist_state="session")
    others = [name for name in saved if name != a]
    b = right.selectbox("B", others, key="compare_b", persist_state="session")
    made: list[Selection] = []
    for place, name in ((left, a), (right, b)):
        try:
            made.append(selection_of(session, load_recipe(session.project, name)))
        except CurationError as error:
            place.error(escape(str(error)))
            return
        place.caption(escape(describe(made[-1].recipe)))
    found = difference(*made)
    parts = {
        f"only {a}": found.only_a,
        "both": found.both,
        f"only {b}": found.only_b,
        "neither": found.neither,
    }
    counts(session, found, parts)
    if session.score_names:
        distribution(session, parts)
    for place, name in zip(st.columns(2, gap="large"), (f"only {a}", f"only {b}"), strict=True):
        with place:
            which = np.flatnonzero(parts[name])
            headline = f"**{escape(name.capitalize())}**: {plural(len(which), 'trace')}"
            part_list(session, headline, which, key=name, listed=LISTED)


def counts(session: Session, found: Difference, parts: Mapping[str, NDArray[np.bool_]]) -> None:
    """How many traces and tokens are in each part."""
    tokens = tokens_by_trace(session)
    for place, (name, inside) in zip(st.columns(len(parts)), parts.items(), strict=True):
        place.metric(escape(name.capitalize()), whole(int(inside.sum())))
        if tokens is not None and len(tokens) == len(inside):
            place.caption(plural(int(np.nansum(tokens[inside])), "token"))
    st.caption(
        f"Of the traces that at least one of them keeps, both keep {percent(found.overlap)}. "
        "Decisions by hand are applied in both."
    )


def distribution(session: Session, parts: Mapping[str, NDArray[np.bool_]]) -> None:
    """One score, by part."""
    name = st.selectbox(
        "Distribution of", session.score_names, key="compare_score", persist_state="session", width=320
    )
    column = column_of(session, name)
    values = by_trace(session, name)
    if len(values) == len(next(iter(parts.values()))):
        charts.show(charts.parted_histogram(values, parts, column), key="compare_histogram")


session = current_session()
st.title("Compare", anchor=False)
what = st.segmented_control(
    "Compare",
    [SELECTIONS, RUNS, NEAR],
    default=SELECTIONS,
    required=True,
    key="compare_what",
    persist_state="session",
    label_visibility="collapsed",
)
if what == RUNS:
    compare_runs(session, read_in_browse)
elif what == NEAR:
    near_duplicates(session)
else:
    selections(session)
