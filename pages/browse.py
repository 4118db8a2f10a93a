"""Browse: which traces are best and worst, and why? A ranked list, and the reader beside it."""

import streamlit as st

from curation.store.browse import lines
from curation.store.search import found_in
from curation.store.view import View
from curation.ui.address import asked, show
from curation.ui.bulk import decide_all
from curation.ui.cached import by_trace, column_of
from curation.ui.filter_bar import filter_bar, open_view
from curation.ui.filters import filters
from curation.ui.format import plural
from curation.ui.listing import listing_of
from curation.ui.mirror import key_for, value_of
from curation.ui.reader import reader
from curation.ui.session import Session, current_session
from curation.ui.view import clear_filters, current_view, filter_words, name_of_view
from curation.ui.walk import PAGE_SIZE, ViewWalk, open_trace, turn_to
from curation.ui.widgets import trace_list


def follow_link(session: Session) -> None:
    """Show the view and open the trace that the address asks for."""
    view, trace_id = asked("view"), asked("trace")
    if view:
        open_view(session, view)
    if trace_id:
        open_trace(trace_id)


def traces(session: Session, view: View) -> None:
    listing = listing_of(session, view)
    words = filter_words(view)
    with st.container(horizontal=True, vertical_alignment="center"):
        filtered = f": {', '.join(words)}" if words else ""
        st.caption(f"{plural(listing.count, 'trace')}{filtered}")
        if words:
            st.button("Clear", key="clear", on_click=clear_filters, type="tertiary")
            every = st.popover("Decide all", key="decide_all", type="tertiary", on_change="rerun")
            if every.open:
                with every:
                    decide_all(listing.frame.ids[listing.places], key="all")
    if not listing.count:
        st.info("No trace fits these filters.")
        return
    pages = -(-listing.count // PAGE_SIZE)
    turn_to(listing, st.session_state.get("trace", ""))
    page = min(max(1, st.session_state.get("page_of_list", 1)), pages)
    offset = (page - 1) * PAGE_SIZE
    further = {name: by_trace(session, name) for name in view.columns}
    found = lines(session.catalogue, listing.page(PAGE_SIZE, offset), further)
    if not st.session_state.get("trace"):
        open_trace(found[0].trace_id)
        turn_to(listing, found[0].trace_id)
    texts = [f"{one.prompt}\n{one.response}" for one in found]
    with st.container(key="traces"):
        trace_list(
            found,
            [column_of(session, name) for name in (view.score, *view.columns) if name],
            key="browse_list",
            on_choose=open_trace,
            first_rank=offset + 1,
            scrolls=True,
            chosen=st.session_state["trace"],
            highlights=found_in(session.catalogue, view.search, texts) if view.search else [],
        )
    if pages > 1:
        st.pagination(pages, default=page, key=key_for("browse_page", page), on_change=_turned)


def _turned() -> None:
    st.session_state["page_of_list"] = value_of("browse_page", 1)


session = current_session()
if not session.counts.traces:
    st.info("This project holds no traces yet; add some with `curation ingest PROJECT SOURCE`.")
    st.stop()
follow_link(session)
view = current_view(session)
filter_bar(session)
panel = st.expander("Filters", icon=":material/filter_list:", key="filters", on_change="rerun")
if panel.open:
    with panel:
        filters(session, view)
left, right = st.columns([5, 7], gap="medium")
with left:
    traces(session, view)
trace_id = st.session_state.get("trace", "")
show(trace=trace_id, view=name_of_view())
with right, st.container(key="reader"):
    if trace_id:
        reader(session, view, trace_id, ViewWalk())
