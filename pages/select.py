"""Select: what do I keep? A recipe, how much, and at once what that costs."""

import numpy as np
import streamlit as st

from curation.errors import CurationError
from curation.selection.recipes import Recipe
from curation.selection.saved import load_recipe, save_selection
from curation.selection.select import Selection
from curation.store.browse import lines
from curation.ui import charts
from curation.ui.cached import column_of, selection_of, tokens_by_trace
from curation.ui.decide import show_told, tell
from curation.ui.format import number, percent, plural, whole
from curation.ui.markup import escape
from curation.ui.recipe_form import choose_recipe, describe
from curation.ui.session import Session, current_session
from curation.ui.walk import read_in_browse
from curation.ui.widgets import trace_list

LISTED = 8


def numbers(session: Session, selection: Selection) -> None:
    """What the recipe and the decisions keep."""
    counts = selection.counts
    figures = [
        ("Kept", counts.kept, f"{percent(counts.kept / max(1, counts.traces))} of {whole(counts.traces)}"),
        (
            "Pruned",
            counts.pruned,
            f"{whole(counts.not_scored)} not scored" if counts.not_scored else "by the recipe",
        ),
        ("Vetoed by hand", counts.vetoed_by_hand, "whatever the recipe says"),
        ("Kept by hand", counts.kept_by_hand, f"{plural(counts.conflicts, 'decision')} overturn the recipe"),
    ]
    tokens = tokens_by_trace(session)
    columns = st.columns(5)
    for place, (label, count, said) in zip(columns[:4], figures, strict=True):
        place.metric(label, whole(count))
        place.caption(said)
    if tokens is not None and len(tokens) == len(selection.selected):
        kept, every = int(np.nansum(tokens[selection.selected])), int(np.nansum(tokens))
        columns[4].metric("Tokens kept", whole(kept))
        columns[4].caption(f"{percent(kept / max(1, every))} of {whole(every)}")


def histogram(session: Session, selection: Selection) -> None:
    """Each score that the recipe reads, kept over left out."""
    names = [name for name in selection.pool.scores if name in session.score_names]
    for name in [name for name in names if not name.startswith("influence-rank/")] or names:
        values = np.asarray(selection.pool.scores[name])
        figure = charts.split_histogram(values, selection.selected, column_of(session, name))
        charts.show(figure, key=f"histogram_{name}")
        kept = values[selection.choice.kept]
        if len(names) == 1 and len(kept):
            st.caption(f"The recipe keeps {escape(name)} from {number(kept.min())} to {number(kept.max())}.")


def difference(session: Session, selection: Selection) -> None:
    """Who would enter and who would leave, against the current saved selection."""
    try:
        saved = selection_of(session, load_recipe(session.project, session.selection_name))
    except CurationError as error:
        st.warning(f"{escape(session.selection_name)} cannot be compared with: {escape(str(error))}")
        return
    st.subheader(f"Against {session.selection_name}", anchor=False)
    before, after = saved.selected, selection.selected
    for place, title, moved in zip(
        st.columns(2, gap="large"),
        ("would enter", "would leave"),
        (after & ~before, before & ~after),
        strict=True,
    ):
        with place:
            count = int(moved.sum())
            st.markdown(f"**{plural(count, 'trace')}** {title}")
            moving = [(selection.pool.trace_ids[i], None) for i in np.flatnonzero(moved)[:LISTED]]
            if moving:
                trace_list(
                    lines(session.catalogue, moving), [], key=f"moved_{title}", on_choose=read_in_browse
                )
            if count > LISTED:
                st.caption(f"and {whole(count - LISTED)} more")


def save(session: Session, selection: Selection) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Save under the name", key="save_name", placeholder="half-influence", width=280)
        st.button(
            "Save",
            key="save",
            type="primary",
            on_click=_save,
            args=(session, selection.recipe),
        )
    show_told()


def _save(session: Session, recipe: Recipe) -> None:
    name = st.session_state["save_name"].strip()
    if not name:
        tell("Write a name first.")
        return
    try:
        save_selection(session.project, name, recipe)
    except CurationError as error:
        tell(str(error))
        return
    st.session_state["selection_name"] = name
    tell(f"Saved as {name}; it is the current selection now.")


session = current_session()
st.title("Select", anchor=False)
if not session.counts.traces:
    st.info("There is nothing to select from yet; add traces with `curation ingest PROJECT SOURCE`.")
    st.stop()
selection = selection_of(session, choose_recipe(session))
st.caption(escape(describe(selection.recipe)))
numbers(session, selection)
histogram(session, selection)
for note in selection.notes:
    st.caption(escape(note))
save(session, selection)
if session.selection_name:
    difference(session, selection)
