"""The project's decisions, newest first: who decided what, when and why, a bulk decision as one line."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from curation.store.catalogue import Catalogue
from curation.store.log import BY


@dataclass(frozen=True)
class Batch:
    """One decision on one or many traces, as it was made in one go.

    Attributes:
        number: Of its last event.
        time: In UTC.
        actor: Who.
        verdict: Of its traces; "" if an undo brought back different ones.
        by: "undo" or "redo", if it takes something back.
        traces: How many.
        trace_id: The first of them.
        is_step: Whether it is about a step.
        reason: Why.
        note: Anything more.
    """

    number: int
    time: datetime
    actor: str
    verdict: str
    by: Literal["", "undo", "redo"]
    traces: int
    trace_id: str
    is_step: bool
    reason: str
    note: str


def batches(catalogue: Catalogue, limit: int, offset: int = 0) -> list[Batch]:
    """The last decisions of all reviewers."""
    found = catalogue.rows(
        f"""SELECT max(number), max(time), any_value(actor),
                   CASE WHEN count(DISTINCT verdict) = 1 THEN any_value(verdict) ELSE '' END, any_value(how),
                   count(DISTINCT trace_id), arg_min(trace_id, number), bool_or(start IS NOT NULL),
                   arg_min(reason, number), arg_min(note, number)
            FROM (SELECT *, {BY} AS how FROM decisions) GROUP BY batch ORDER BY batch DESC LIMIT ? OFFSET ?""",
        [limit, offset],
    )
    return [Batch(*row) for row in found]
