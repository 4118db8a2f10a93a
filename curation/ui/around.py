"""Around a trace in the reader: the queries that it helps and harms most, and the traces most like it."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from curation.store import nearby
from curation.store.browse import lines
from curation.store.columns import Column
from curation.store.near_duplicates import group_of
from curation.store.nearby import Effect
from curation.ui.cached import alike_of
from curation.ui.format import number, plural
from curation.ui.markup import escape, rendered
from curation.ui.session import Session
from curation.ui.walk import list_in_browse
from curation.ui.widgets import trace_list

SHOWN, ALIKE = 3, 10


def queries(session: Session, trace_id: str) -> None:
    """The queries that learning this trace does most to, for and against, side by side."""
    if not session.run_id:
        return
    helped, harmed = nearby.effects(session.catalogue, session.run_id, trace_id, SHOWN)
    if not helped and not harmed:
        return
    st.markdown(
        "**Queries**",
        help="Completions that learning this trace makes likelier (+) or less likely (−). On incorrect ones − is good.",
    )
    for place, title, found in zip(
        st.columns(2), ("Helps most", "Harms most"), (helped, harmed), strict=True
    ):
        with place:
            st.caption(title if found else f"{title}: none")
            _cards(found)


def _cards(found: Sequence[Effect]) -> None:
    for effect in found:
        color = "blue" if effect.value > 0 else "orange"
        with st.expander(
            f":{color}[**{number(effect.value, signed=True)}**] {escape(effect.group)}: {escape(_short(effect.prompt))}"
        ):
            st.markdown(rendered(effect.prompt))
            st.markdown(rendered(effect.completion))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:60]}…"


def near_duplicates(session: Session, trace_id: str) -> None:
    """How many near-duplicates the trace has, and the way to them."""
    group = group_of(session.catalogue, trace_id)
    if not group:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"In a group of {plural(len(group), 'near-duplicate')}", width="stretch")
        st.button(
            "Show the group in Browse",
            key="near_duplicates",
            icon=":material/list:",
            type="tertiary",
            on_click=list_in_browse,
            args=(group, trace_id),
        )


def more_like_this(session: Session, trace_id: str, on_choose: Callable[[str], None]) -> None:
    """A button that finds the traces with the nearest embeddings, and what it found."""
    if not session.run_id:
        return
    if st.session_state.get("alike_to") != trace_id:
        st.button("More like this", key="alike", icon=":material/join:", on_click=_look, args=(trace_id,))
        return
    found = alike_of(session, trace_id, ALIKE)
    st.markdown(
        "**Most like this**",
        help="By the cosine of RDS+ embeddings, the weighted mean of last hidden states.",
    )
    if not found:
        st.caption("This run has no embedding of the trace; the score rds keeps them.")
        return
    column = Column("cosine", np.sort([cosine for _, cosine in found]))
    trace_list(lines(session.catalogue, found), [column], key="alike_list", on_choose=on_choose)
    st.button(
        "Show these in Browse",
        key="alike_browse",
        icon=":material/list:",
        on_click=list_in_browse,
        args=([trace_id, *(other for other, _ in found)], trace_id),
    )


def _look(trace_id: str) -> None:
    st.session_state["alike_to"] = trace_id
