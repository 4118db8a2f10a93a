"""Deciding: buttons and keys whose callbacks write to the log at once, then move on to the next trace."""

from collections.abc import Callable
from functools import wraps
from typing import Literal, ParamSpec

import streamlit as st

from curation.store import reading
from curation.store.decisions import Verdict, decide, redo, undo
from curation.store.frame import Ids
from curation.store.log import Decided
from curation.ui.format import plural, short_id
from curation.ui.guard import said_of
from curation.ui.markup import sentence
from curation.ui.mirror import key_of, renew, value_of
from curation.ui.session import current_session
from curation.ui.walk import Walk, open_trace

Asked = ParamSpec("Asked")
DONE = {"keep": "Kept", "veto": "Vetoed", "undecided": "Made undecided"}


def tell(message: str) -> None:
    """Keep a message for the next rerun."""
    st.session_state["told"] = message


def telling(callback: Callable[Asked, None]) -> Callable[Asked, None]:
    """A callback whose failure is told by the page that follows; without it Streamlit shows a box of its own, and no page."""

    @wraps(callback)
    def careful(*args: Asked.args, **kwargs: Asked.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as error:
            tell(said_of(error))

    return careful


def decision_bar(trace_id: str, verdict: str, walk: Walk) -> None:
    """Keep, veto, undecided, undo, and the ways to the traces before and after."""
    with st.container(key="decide", horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.button(
            "Keep",
            key="keep",
            shortcut="K",
            on_click=_record,
            args=(walk, trace_id, "keep"),
            type=_kind("keep", verdict),
        )
        st.button(
            "Veto",
            key="veto",
            shortcut="V",
            on_click=_record,
            args=(walk, trace_id, "veto"),
            type=_kind("veto", verdict),
        )
        st.button(
            "Undecided", key="undecided", shortcut="U", on_click=_record, args=(walk, trace_id, "undecided")
        )
        st.button(
            "Undo",
            key="undo",
            shortcut="Z",
            on_click=_undo,
            help="Takes back your last decision, single or bulk.",
        )
        st.button(
            "Redo",
            key="redo",
            shortcut="Y",
            on_click=_redo,
            help="Brings back what you took back last.",
        )
        st.button("Previous", key="previous", shortcut="Left", on_click=_move, args=(walk, trace_id, -1))
        st.button("Next", key="next", shortcut="Right", on_click=_move, args=(walk, trace_id, 1))
    with st.container(horizontal=True, gap="small"):
        for name, asked in (("reason", "Reason, kept with the decision"), ("note", "Note")):
            st.text_input(
                name.capitalize(), key=key_of(name), placeholder=asked, label_visibility="collapsed"
            )


@telling
def decide_many(ids: Ids, verdict: Verdict, reason: str) -> None:
    """One verdict on many traces, as a step that one undo takes back; for a button's callback."""
    session = current_session()
    done = decide(session.project, ids.astype(str).tolist(), verdict, reason=reason, actor=session.reviewer)
    tell(f"{DONE[verdict]} {plural(done.traces, 'trace')}. Undo in Browse takes it back.")


@telling
def veto_step(trace_id: str, start: int, stop: int) -> None:
    """Take a step out of the loss, or let it back in; for the step's own button."""
    session = current_session()
    vetoed = (start, stop) in reading.vetoed_steps(session.catalogue, trace_id)
    reason, note = value_of("reason", ""), value_of("note", "")
    verdict: Verdict = "undecided" if vetoed else "veto"
    decide(
        session.project,
        [trace_id],
        verdict,
        reason=reason,
        note=note,
        actor=session.reviewer,
        step=(start, stop),
    )
    tell("The step is back in the loss." if vetoed else "The step is out of the loss; Z takes it back.")


def show_told() -> None:
    """Show the message of the last callback, once."""
    st.caption(sentence(st.session_state.pop("told", "")) or "\u00a0")


def _kind(verdict: str, current: str) -> Literal["primary", "secondary"]:
    return "primary" if verdict == current else "secondary"


@telling
def _record(walk: Walk, trace_id: str, verdict: Verdict) -> None:
    session = current_session()
    following = walk.after_decision(session, trace_id)
    reason, note = value_of("reason", ""), value_of("note", "")
    decide(session.project, [trace_id], verdict, reason=reason, note=note, actor=session.reviewer)
    renew("reason")
    renew("note")
    tell(f"{DONE[verdict]} {short_id(trace_id)}; Z takes it back.")
    open_trace(following or trace_id)


@telling
def _undo() -> None:
    _back_or_forth(undo, "Took back the decision on {what}.", "{who} has no decision to take back.")


@telling
def _redo() -> None:
    nothing = "{who} has taken nothing back since the last decision."
    _back_or_forth(redo, "Brought back the decision on {what}.", nothing)


def _back_or_forth(step: Callable[..., Decided], said: str, nothing: str) -> None:
    """Undo or redo, and show the trace that it was about."""
    session = current_session()
    done = step(session.project, actor=session.reviewer)
    if not done.traces:
        tell(nothing.format(who=session.reviewer))
        return
    session.catalogue.refresh()
    last = session.catalogue.rows("SELECT trace_id FROM decisions WHERE number = ?", [done.number])[0][0]
    what = short_id(last) if done.traces == 1 else plural(done.traces, "trace")
    tell(said.format(what=what))
    open_trace(last)


@telling
def _move(walk: Walk, trace_id: str, step: Literal[-1, 1]) -> None:
    session = current_session()
    following = walk.neighbour(session, trace_id, step)
    if following is None:
        tell("This is the last trace of the list." if step == 1 else "This is the first trace of the list.")
    else:
        open_trace(following)
