"""Select: what do I keep? A recipe, how much, and at once what that costs."""

import streamlit as st

from curation.selection.moved import tokens_in
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.selection.select import Selection
from curation.ui.changes import change_line, change_lists, changes
from curation.ui.conflicts import conflict_line
from curation.ui.decide import show_told, tell, telling
from curation.ui.flawed_table import flawed_table
from curation.ui.format import percent, plural, whole
from curation.ui.markup import escape
from curation.ui.navigation import ICONS
from curation.ui.recipe_form import choose_recipe, describe
from curation.ui.score_histograms import score_histograms
from curation.ui.scores import known_tokens_of
from curation.ui.selected import selection_of
from curation.ui.session import Session, choose_selection, current_session


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
        ("Kept by hand", counts.kept_by_hand, f"{plural(counts.conflicts, 'decision')} against the recipe"),
    ]
    tokens = known_tokens_of(session)
    if tokens is not None:
        kept, every = tokens_in(tokens, selection.selected) or 0, int(tokens.sum())
        figures.append(("Tokens kept", kept, f"{percent(kept / max(1, every))} of {whole(every)}"))
    for place, (label, count, said) in zip(st.columns(5), figures, strict=False):
        with place.container(gap=None):
            st.metric(label, whole(count))
            st.caption(said)


def save_form() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Save under the name", key="save_name", placeholder="half-influence", width=280)
        st.button("Save", key="save", type="primary", on_click=_ask_to_save)
    show_told()


def _ask_to_save() -> None:
    name = st.session_state["save_name"].strip()
    if name:
        st.session_state["save_as"] = name
    else:
        tell("Write a name first.")


def save_if_asked(session: Session, recipe: Recipe) -> None:
    """Save under the name that a click asked for: not in its callback, which knows the recipe that was drawn before it.

    A slider that was moved just before the click is then heard too.
    """
    if name := st.session_state.pop("save_as", ""):
        _save(session, name, recipe)
        st.rerun()


@telling
def _save(session: Session, name: str, recipe: Recipe) -> None:
    save_selection(session.project, name, recipe)
    choose_selection(name)
    tell(f"Saved as {name}; it is the current selection now.")


session = current_session()
st.title("Select", anchor=False)
if not session.counts.traces:
    st.info("There is nothing to select from yet; add traces with `curation ingest PROJECT SOURCE`.")
    st.stop()
recipe, threshold = choose_recipe(session)
selection = selection_of(session, recipe)
save_if_asked(session, selection.recipe)
st.caption(escape(" ".join([describe(selection.recipe), *selection.notes])))
numbers(session, selection)
found = changes(session, selection)
change_line(found)
conflict_line(session, selection)
left, right = st.columns([3, 2], gap="large")
with left:
    score_histograms(session, selection, threshold)
    save_form()
    st.page_link(
        "pages/steps.py",
        label="Or take only the worst steps out of the loss, and keep their traces",
        icon=ICONS["Steps"],
    )
with right:
    flawed_table(session, selection)
change_lists(session, selection, found)
