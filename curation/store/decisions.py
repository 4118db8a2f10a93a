"""The append-only log of human decisions: the only file of a project that changes."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, get_args

import duckdb
import pyarrow as pa

from curation.errors import ProjectError
from curation.store.database import Connection, connect, load, rows, table
from curation.store.project import Project
from curation.store.schema import DECISIONS, create_statements

Verdict = Literal["keep", "veto", "undecided"]
Result = TypeVar("Result")
PATIENCE_SECONDS = 20.0
_one_at_a_time = threading.Lock()

# The last event of a trace says what holds now; an undo carries the verdict that it brings back.
CURRENT = """
    SELECT trace_id, verdict, reason, note, actor, time, number FROM decisions WHERE start IS NULL
    QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY number DESC) = 1
"""
# The same for steps; a step is vetoed or it is not.
CURRENT_STEPS = """
    SELECT trace_id, start, stop, reason, note, actor, time, number FROM
    (SELECT * FROM decisions WHERE start IS NOT NULL
     QUALIFY row_number() OVER (PARTITION BY trace_id, start, stop ORDER BY number DESC) = 1)
    WHERE verdict = 'veto'
"""
# Numbers of events that are taken back: undone, and the undo not undone in turn by a redo. An undo names the decision
# that it takes back, a redo the undo.
_TAKEN_BACK = """
    SELECT undoes FROM decisions WHERE undoes IS NOT NULL AND number NOT IN
    (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)
"""
# Columns that logs of version 0.1 do not have.
_LATER = ("start", "stop")


@dataclass(frozen=True)
class Decided:
    """What one call wrote: how many traces it touched, and the number of its last event (0: nothing)."""

    traces: int
    number: int


def decide(
    project: Project,
    trace_ids: Sequence[str],
    verdict: Verdict,
    *,
    reason: str = "",
    note: str = "",
    actor: str = "",
    step: tuple[int, int] | None = None,
) -> Decided:
    """Record one verdict on one or many traces, as one step that one undo takes back. On disk when this returns.

    Args:
        project: The project.
        trace_ids: Of the traces.
        verdict: What is decided.
        reason: Why, in a word or two.
        note: Anything more.
        actor: Who decides.
        step: Start and stop, in characters of the response, if the verdict is about a step alone: a vetoed step stays in
            the trace and leaves the loss; "undecided" lets it back in.

    Raises:
        ProjectError: The verdict is none of keep, veto, undecided, or the log stays locked.
    """
    if verdict not in get_args(Verdict):
        raise ProjectError(f"{verdict!r} is no verdict; use keep, veto or undecided.")
    if step and (verdict == "keep" or not 0 <= step[0] < step[1]):
        raise ProjectError(f"Step {step} cannot be given {verdict!r}: a step is vetoed, or undecided.")
    unique = list(dict.fromkeys(trace_ids))

    def append(log: Connection) -> Decided:
        events = [(trace_id, verdict, reason, note, None, *(step or (None, None))) for trace_id in unique]
        return _append(log, events, actor)

    return _transaction(project, append) if unique else Decided(0, 0)


def undo(project: Project, *, actor: str | None = None) -> Decided:
    """Take back the last step (single or bulk) not yet taken back; give its traces the verdict of what still stands.

    Args:
        project: The project.
        actor: Only steps of this reviewer; of anyone if None.
    """

    def take_back(log: Connection) -> Decided:
        last = rows(
            log,
            f"""SELECT max(batch) FROM decisions
                WHERE undoes IS NULL AND number NOT IN ({_TAKEN_BACK}) AND ($1 IS NULL OR actor = $1)""",
            [actor],
        )[0][0]
        if last is None:
            return Decided(0, 0)
        events = rows(
            log,
            f"""WITH undone AS (SELECT trace_id, start, stop, number FROM decisions WHERE batch = $1),
                    standing AS (SELECT * FROM decisions WHERE undoes IS NULL AND batch <> $1
                                 AND number NOT IN ({_TAKEN_BACK}))
               SELECT undone.trace_id, coalesce(arg_max(standing.verdict, standing.number), 'undecided'),
                      coalesce(arg_max(standing.reason, standing.number), ''),
                      coalesce(arg_max(standing.note, standing.number), ''), undone.number, undone.start, undone.stop
               FROM undone LEFT JOIN standing ON standing.trace_id = undone.trace_id
                   AND standing.start IS NOT DISTINCT FROM undone.start
                   AND standing.stop IS NOT DISTINCT FROM undone.stop
               GROUP BY ALL ORDER BY undone.number""",
            [last],
        )
        return _append(log, events, actor or "")

    return _transaction(project, take_back)


def redo(project: Project, *, actor: str | None = None) -> Decided:
    """Take back the last undo, if nothing was decided since: its traces get the verdict again that it took from them.

    Args:
        project: The project.
        actor: Only undos of this reviewer, and only their own decisions count as new ones; of anyone if None.
    """

    def bring_back(log: Connection) -> Decided:
        last = rows(
            log,
            f"""SELECT max(u.batch) FROM decisions u JOIN decisions d ON d.number = u.undoes AND d.undoes IS NULL
                WHERE u.number NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)
                AND u.undoes IN ({_TAKEN_BACK}) AND ($1 IS NULL OR u.actor = $1)
                AND u.batch > coalesce((SELECT max(batch) FROM decisions
                                        WHERE undoes IS NULL AND ($1 IS NULL OR actor = $1)), 0)""",
            [actor],
        )[0][0]
        if last is None:
            return Decided(0, 0)
        events = rows(
            log,
            """SELECT d.trace_id, d.verdict, d.reason, d.note, u.number, d.start, d.stop
               FROM decisions u JOIN decisions d ON d.number = u.undoes WHERE u.batch = $1 ORDER BY u.number""",
            [last],
        )
        return _append(log, events, actor or "")

    return _transaction(project, bring_back)


def decision_log(project: Project) -> pa.Table:
    """All events so far, in order; empty before the first decision."""
    if not project.decisions.exists():
        with connect() as empty:
            return _events(empty, create=True)
    return _transaction(project, _events)


def decision_stamp(project: Project) -> tuple[int, int]:
    """Changes whenever a decision is added; cheap enough to ask on every click."""
    try:
        status = project.decisions.stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _events(log: Connection, create: bool = False) -> pa.Table:
    if create:
        log.execute(create_statements(DECISIONS)[0])
    return table(log, "SELECT * FROM decisions ORDER BY number")


def _append(log: Connection, events: Sequence[tuple[Any, ...]], actor: str) -> Decided:
    """Add (trace_id, verdict, reason, note, undoes, start, stop) events as one batch, numbered on from the last."""
    first = rows(log, "SELECT coalesce(max(number), 0) + 1 FROM decisions")[0][0]
    now = datetime.now(UTC).replace(tzinfo=None)
    count = len(events)
    columns: list[list[Any]] = [list(column) for column in zip(*events, strict=True)]
    data = {
        "number": pa.array(range(first, first + count), pa.int64()),
        "trace_id": pa.array(columns[0], pa.string()),
        "verdict": pa.array(columns[1], pa.string()),
        "reason": pa.array(columns[2], pa.string()),
        "note": pa.array(columns[3], pa.string()),
        "actor": pa.array([actor] * count, pa.string()),
        "time": pa.array([now] * count, pa.timestamp("us")),
        "batch": pa.array([first] * count, pa.int64()),
        "undoes": pa.array(columns[4], pa.int64()),
        "start": pa.array(columns[5], pa.int32()),
        "stop": pa.array(columns[6], pa.int32()),
    }
    load(log, "decisions", pa.table(data))
    return Decided(count, first + count - 1)


def _transaction(project: Project, work: Callable[[Connection], Result]) -> Result:
    """Hold the log for one transaction: nobody keeps it open, so reviewers, the app and exports take turns."""
    with _one_at_a_time, _patiently_open(project) as log:
        log.execute("BEGIN")
        log.execute(create_statements(DECISIONS)[0].replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        there = {name for (name,) in rows(log, "SELECT column_name FROM (DESCRIBE decisions)")}
        for name in _LATER:
            if name not in there:
                log.execute(f"ALTER TABLE decisions ADD COLUMN {name} INTEGER")
        result = work(log)
        log.execute("COMMIT")
        return result


def _patiently_open(project: Project) -> Connection:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return connect(project.decisions)
        except duckdb.IOException as error:
            if time.monotonic() > deadline:
                raise ProjectError(
                    f"{project.decisions} stays locked by another program; close what has it open and try again."
                ) from error
            time.sleep(random.uniform(0.002, 0.02))
