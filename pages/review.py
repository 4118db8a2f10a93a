"""Review: where is a human worth most? A queue of undecided traces, and the reader in full width."""

import streamlit as st

from curation.selection.queue import ORDERS
from curation.store.history import batches
from curation.ui.cached import points_of
from curation.ui.format import VERDICT_WORDS, listed, moment, one_line, plural, short_id, whole
from curation.ui.markup import cell, escape
from curation.ui.queue import Queue, basis_of, compared, current_queue, draw_up
from curation.ui.reader import reader
from curation.ui.selected import current_selection
from curation.ui.session import Session, current_session
from curation.ui.view import current_view
from curation.ui.walk import open_trace

LISTED = 50
TITLES = {"boundary": "Near the line", "disagreement": "Scores disagree", "clusters": "One of each cluster"}


def offered(session: Session) -> list[str]:
    """The orders that this project has what it takes for."""
    selection = current_selection(session)
    has = {
        "boundary": selection is not None and selection.recipe.name not in ("random", "rds+"),
        "disagreement": len(compared(session)) > 1,
        "clusters": points_of(session) is not None,
    }
    return [order for order in ORDERS if has[order]]


def controls(session: Session, orders: list[str]) -> None:
    """Which traces, and how many at a time."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        order = st.segmented_control(
            "Serve undecided traces",
            orders,
            default=orders[0],
            required=True,
            key="queue_order",
            persist_state="session",
            format_func=TITLES.__getitem__,
            help="; ".join(f"{TITLES[order]}: those {ORDERS[order]}" for order in ORDERS),
        )
        length = st.number_input(
            "At a time", 1, 1_000, 50, key="queue_length", persist_state="session", width=140
        )
        st.button(
            "New queue", key="new_queue", on_click=_new, args=(session, order or orders[0], int(length))
        )
    if order == "disagreement":
        st.caption(
            f"Compared are {escape(listed(compared(session)))}, each turned so that it goes with the first."
        )
    elif order == "boundary":
        st.caption(f"The line is that of the selection {escape(session.selection_name)}.")


def _new(session: Session, order: str, length: int) -> None:
    queue = draw_up(session, order, length)
    if queue.trace_ids:
        open_trace(queue.trace_ids[0])


def progress(queue: Queue, decided: int, trace_id: str) -> None:
    """How much of the queue is done, and where the reader is."""
    total = len(queue.trace_ids)
    place = queue.trace_ids.index(trace_id) + 1
    st.progress(decided / total, f"{whole(decided)} of {whole(total)} decided; this is number {whole(place)}")
    if decided == total:
        st.success("This queue is done; a new one serves the next traces.")


def log(session: Session) -> None:
    """Who decided what so far."""
    if not session.counts.last_decision:
        return
    with st.expander("Decisions so far"):
        rows = ["| When (UTC) | Who | Verdict | On | Why |", "|:--|:--|:--|:--|:--|"]
        for batch in batches(session.catalogue, LISTED):
            verdict = VERDICT_WORDS.get(batch.verdict, batch.verdict) if batch.verdict else "as before"
            on = short_id(batch.trace_id) if batch.traces == 1 else plural(batch.traces, "trace")
            on = f"a step of {on}" if batch.is_step else on
            why = one_line(", ".join(text for text in (batch.reason, batch.note) if text))[:300]
            by = f" (by {batch.by})" if batch.by else ""
            rows.append(
                f"| {moment(batch.time)} | {cell(batch.actor)} | {verdict}{by} | {on} | {cell(why)} |"
            )
        st.markdown("\n".join(rows))


session = current_session()
orders = offered(session)
if not orders:
    st.title("Review", anchor=False)
    st.info(
        "A queue needs a selection, two scores or a map, and there is none of them yet; the Runs page starts a run."
    )
    st.page_link("pages/runs.py", label="Runs", icon=":material/history:")
    st.stop()
controls(session, orders)
queue = current_queue()
wanted = (st.session_state["queue_order"] or orders[0], int(st.session_state["queue_length"]))
if queue is None or queue.basis != basis_of(session, wanted[0]):
    queue = draw_up(session, *wanted)
if not queue.trace_ids:
    st.success("Every trace that this order would serve is decided.")
    st.stop()
if st.session_state.get("trace") not in queue.trace_ids:
    open_trace(queue.after_decision(session, "") or queue.trace_ids[0])
trace_id = st.session_state["trace"]
progress(queue, len(queue.decided(session)), trace_id)
reader(session, current_view(session), trace_id, queue)
log(session)
