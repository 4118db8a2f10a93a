"""Browse: which traces are best and worst, and why? A ranked list, and the reader beside it."""

import streamlit as st

from curation.store import browse
from curation.store.browse import View
from curation.store.sets import found_in
from curation.ui.cached import column_of
from curation.ui.format import plural
from curation.ui.reader import reader
from curation.ui.session import Session, current_session
from curation.ui.view import clear_filters, current_search, current_view, filter_bar, filter_words
from curation.ui.walk import PAGE_SIZE, ViewWalk, open_trace, turn_to
from curation.ui.widgets import trace_list


def follow_link(session: Session) -> None:
    """Open the trace that the address names, unless another was opened since."""
    linked = st.query_params.get("trace", "")
    if linked and linked != st.session_state.get("linked"):
        open_trace(linked)
        turn_to(session, linked)


def show_link(trace_id: str) -> None:
    """Let the address name the trace, so that it can be shared and survives a reload."""
    st.session_state["linked"] = trace_id
    if st.query_params.get("trace") != trace_id:
        st.query_params["trace"] = trace_id


def traces(session: Session, view: View) -> None:
    found = browse.count(session.catalogue, view)
    words = filter_words(view)
    with st.container(horizontal=True, vertical_alignment="center"):
        filtered = f": {', '.join(words)}" if words else ""
        st.caption(f"{plural(found, 'trace')}{filtered}")
        if words:
            st.button("Clear", key="clear", on_click=clear_filters, type="tertiary")
    if not found:
        st.info("No trace fits these filters.")
        return
    pages = -(-found // PAGE_SIZE)
    st.session_state["browse_page"] = min(max(1, st.session_state.get("browse_page", 1)), pages)
    offset = (st.session_state["browse_page"] - 1) * PAGE_SIZE
    lines = browse.page(session.catalogue, view, limit=PAGE_SIZE, offset=offset)
    if not st.session_state.get("trace"):
        open_trace(lines[0].trace_id)
    show_link(st.session_state["trace"])
    with st.container(key="traces"):
        trace_list(
            lines,
            [column_of(session, view.score)] if view.score else [],
            key="browse_list",
            on_choose=open_trace,
            first_rank=offset + 1,
            scrolls=True,
            chosen=st.session_state["trace"],
            highlights=found_in(session.catalogue, search, [f"{one.prompt}\n{one.response}" for one in lines])
            if (search := current_search())
            else [],
        )
    if pages > 1:
        st.pagination(pages, key="browse_page")


session = current_session()
if not session.counts.traces:
    st.info("This project holds no traces yet; add some with `curation ingest PROJECT SOURCE`.")
    st.stop()
view = current_view(session)
follow_link(session)
filter_bar(session)
left, right = st.columns([5, 7], gap="medium")
with left:
    traces(session, view)
trace_id = st.session_state.get("trace", "")
with right, st.container(key="reader"):
    if trace_id:
        show_link(trace_id)
        reader(session, view, trace_id, ViewWalk())
