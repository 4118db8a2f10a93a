"""The review queue of a browser tab: drawn up once, walked from its first trace to its last."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import streamlit as st

from curation.selection.choose import Ints
from curation.selection.queue import by_cluster, in_disagreement, near_boundary
from curation.store.verdicts import UNDECIDED, verdicts_of
from curation.ui.cached import by_trace, frame_of, points_of
from curation.ui.selected import current_selection
from curation.ui.session import Session

# Scores that are compared with the first one of a run, where it has them.
OTHERS = ("perplexity", "rsr", "rds/gold", "rds/correct", "gradient-norm")


@dataclass(frozen=True)
class Queue:
    """Traces to be reviewed, in order; a way to walk them for the reader's buttons.

    Attributes:
        basis: What it was drawn up from (`basis_of`).
        trace_ids: None of them was decided when the queue was drawn up.
    """

    basis: tuple[str, ...]
    trace_ids: tuple[str, ...]

    def neighbour(self, session: Session, trace_id: str, step: Literal[-1, 1]) -> str | None:
        """The one before or after, decided or not."""
        if trace_id not in self.trace_ids:
            return self.trace_ids[0] if self.trace_ids else None
        place = self.trace_ids.index(trace_id) + step
        return self.trace_ids[place] if 0 <= place < len(self.trace_ids) else None

    def after_decision(self, session: Session, trace_id: str) -> str | None:
        """The next undecided one, from the start again after the last; the trace itself is decided now."""
        start = self.trace_ids.index(trace_id) + 1 if trace_id in self.trace_ids else 0
        around = [*self.trace_ids[start:], *self.trace_ids[:start]]
        decided = self.decided(session)
        return next((one for one in around if one not in decided and one != trace_id), None)

    def decided(self, session: Session) -> set[str]:
        """Those that are kept or vetoed by now, by whoever."""
        codes, frame = verdicts_of(session.catalogue).codes, frame_of(session)
        return {one for one in self.trace_ids if codes[frame.index(one)] != UNDECIDED}


def current_queue() -> Queue | None:
    """The queue of this tab."""
    queue = st.session_state.get("queue")
    return queue if isinstance(queue, Queue) else None


def basis_of(session: Session, order: str) -> tuple[str, ...]:
    """What a queue of an order comes from: another run, or another selection's line, makes another queue."""
    return (order, session.run_id or "", session.selection_name if order == "boundary" else "")


def draw_up(session: Session, order: str, length: int) -> Queue:
    """Make a new queue of undecided traces the current one.

    Args:
        session: The session.
        order: One of `selection.queue.ORDERS`.
        length: How many traces at most.
    """
    found = _in_order(session, order)
    undecided = verdicts_of(session.catalogue).codes[found] == UNDECIDED
    queue = Queue(basis_of(session, order), tuple(frame_of(session).names_of(found[undecided][:length])))
    st.session_state["queue"] = queue
    return queue


def _in_order(session: Session, order: str) -> Ints:
    """Indices of the traces, the most useful first."""
    nothing = np.zeros(0, dtype=np.int64)
    if order == "clusters":
        places = points_of(session)
        if places is None:
            return nothing
        here = np.flatnonzero(places.on_map)
        return here[by_cluster(places.x[here], places.y[here], places.clusters[here])]
    if order == "disagreement":
        return in_disagreement([by_trace(session, name) for name in compared(session)])
    selection = current_selection(session)
    return near_boundary(selection.recipe, selection.choice) if selection else nothing


def compared(session: Session) -> list[str]:
    """The scores whose disagreement counts; the first of them leads."""
    return [*session.score_names[:1], *(name for name in OTHERS if name in session.score_names[1:])]
