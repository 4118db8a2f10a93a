"""Which trace the reader shows, and the list that a reviewer walks along from one to the next."""

from dataclasses import dataclass
from typing import Literal, Protocol

import streamlit as st

from curation.store.frame import Ids
from curation.store.view import Listing
from curation.ui.listing import listing_of
from curation.ui.mirror import renew
from curation.ui.navigation import go_to
from curation.ui.session import Session
from curation.ui.view import among, current_view, show_in_browse

PAGE_SIZE = 100


def open_trace(trace_id: str) -> None:
    """Show a trace in the reader."""
    st.session_state["trace"] = trace_id
    renew("reader_part")


def read_in_browse(trace_id: str) -> None:
    """Show a trace in Browse; for a callback of any page."""
    open_trace(trace_id)
    go_to("browse")


def list_in_browse(trace_ids: Ids | list[str], first: str = "") -> None:
    """List some traces in Browse, and open one of them if it is named; for a callback of any page."""
    show_in_browse(among(trace_ids))
    open_trace(first)
    go_to("browse")


class Walk(Protocol):
    """The list that a reviewer walks along: what comes next is the list's to say."""

    def neighbour(self, session: Session, trace_id: str, step: Literal[-1, 1]) -> str | None:
        """The trace after (1) or before (-1) one; None at the end."""

    def after_decision(self, session: Session, trace_id: str) -> str | None:
        """Where to go when a trace is decided; None: stay."""


@dataclass(frozen=True)
class ViewWalk:
    """The list of Browse."""

    def neighbour(self, session: Session, trace_id: str, step: Literal[-1, 1]) -> str | None:
        """By the view's order."""
        return listing_of(session, current_view(session)).neighbour(trace_id, step)

    def after_decision(self, session: Session, trace_id: str) -> str | None:
        """The next one."""
        return self.neighbour(session, trace_id, 1)


def turn_to(listing: Listing, trace_id: str) -> None:
    """Turn the list to the page that a trace is on, once: whoever opened it, and on whatever page."""
    if trace_id and trace_id != st.session_state.get("turned_to"):
        st.session_state["page_of_list"] = listing.position(trace_id) // PAGE_SIZE + 1
    st.session_state["turned_to"] = trace_id
