"""The sidebar that all pages share: project, pages, run, reviewer, current selection."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

from curation.selection.saved import list_selections
from curation.selection.select import Selection
from curation.store.columns import Floats
from curation.store.overview import Run
from curation.ui.address import kept
from curation.ui.cached import tokens_by_trace
from curation.ui.format import listed, moment, percent, plural, whole
from curation.ui.markup import escape
from curation.ui.mirror import key_for, value_of
from curation.ui.navigation import ICONS
from curation.ui.reviewer import LONGEST, remember, remembered
from curation.ui.selected import current_selection
from curation.ui.session import Session, choose_run, choose_selection, default_reviewer


def sidebar(session: Session, pages: Sequence[StreamlitPage]) -> None:
    """Draw it."""
    with st.sidebar:
        st.markdown(f"### {escape(session.project.name)}")
        st.caption(_size(session))
        with st.container(gap="xxsmall"):
            for page in pages:
                st.page_link(page, icon=ICONS[page.title], query_params=kept())
        st.divider()
        _pickers(session)
        _selection_line(session)


def run_label(run: Run) -> str:
    """A run in a list: its model's last name and its time."""
    model = run.model.rstrip("/").split("/")[-1] or run.model
    return f"{model}, {moment(run.finished)}"


def _size(session: Session) -> str:
    parts = [plural(session.counts.traces, "trace")]
    if session.counts.rejected:
        parts.append(f"{whole(session.counts.rejected)} rejected")
    return ", ".join(parts)


def _pickers(session: Session) -> None:
    if session.runs:
        labels = {run.run_id: run_label(run) for run in session.runs}
        st.selectbox(
            "Run",
            list(labels),
            list(labels).index(session.run_id or ""),
            format_func=labels.__getitem__,
            key=key_for("run_id", session.run_id),
            on_change=lambda: choose_run(value_of("run_id", "")),
            help="Scores on every page are those of this run.",
        )
        families = dict.fromkeys(name.partition("/")[0] for name in session.score_names)
        # A long model's name hides its time in the picker.
        when = f"{moment(session.run.finished)}: " if session.run and session.run.finished else ""
        st.caption(escape(f"{when}{listed(families)}"))
    else:
        st.caption("No run yet: the Runs page starts one.")
    with st.container(gap=None):
        name = st.text_input(
            "Reviewer",
            remembered(),
            max_chars=LONGEST,
            key="reviewer",
            persist_state="session",
            placeholder=default_reviewer(session.project),
            help="Your decisions carry this name; this browser remembers it.",
        )
        remember(name)


def _selection_line(session: Session) -> None:
    saved = list_selections(session.project)
    if not saved:
        st.caption("No selection yet: the Select page makes one.")
        return
    st.selectbox(
        "Selection",
        saved,
        saved.index(session.selection_name),
        key=key_for("selection_name", session.selection_name),
        on_change=lambda: choose_selection(value_of("selection_name", "")),
    )
    selection = current_selection(session)
    if selection is None:
        st.caption("This selection cannot be made from the runs that are here; the Select page says why.")
    else:
        st.caption(selection_summary(selection, tokens_by_trace(session)))


def selection_summary(selection: Selection, tokens: Floats | None = None) -> str:
    """What a selection keeps, in a line; `tokens`: completion tokens, aligned with the selection's traces."""
    counts = selection.counts
    share = counts.kept / counts.traces if counts.traces else 0.0
    by_hand = f"{whole(counts.vetoed_by_hand)} vetoed, {whole(counts.kept_by_hand)} kept by hand"
    kept = f"Keeps **{whole(counts.kept)}** of {whole(counts.traces)} ({percent(share)})"
    if tokens is not None and len(tokens) == len(selection.selected):
        kept += f", {plural(int(np.nansum(tokens[selection.selected])), 'token')}"
    return f"{kept}; {by_hand}"
