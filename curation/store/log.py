"""The append-only log of human decisions: the only file of a project that changes."""

import fcntl
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from curation.errors import ProjectError
from curation.store.database import Connection, connect, load, rows, table
from curation.store.project import Project
from curation.store.schema import DECISIONS, create_statements

Result = TypeVar("Result")
PATIENCE_SECONDS = 20.0
_one_at_a_time = threading.Lock()

# The last event of a trace says what holds now; an undo carries the verdict that it brings back.
CURRENT = """
    SELECT trace_id, verdict, reason, note, actor, time, number FROM decisions WHERE start IS NULL
    QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY number DESC) = 1
"""
# The same for steps, of which one is vetoed or it is not; {upto} is a condition on the events that count.
CURRENT_STEPS = """
    SELECT trace_id, start, stop, reason, note, actor, time, number FROM
    (SELECT * FROM decisions WHERE start IS NOT NULL AND {upto}
     QUALIFY row_number() OVER (PARTITION BY trace_id, start, stop ORDER BY number DESC) = 1)
    WHERE verdict = 'veto'
"""
# What an event takes back: nothing, a decision by undo, an undo by redo.
BY = """CASE WHEN undoes IS NULL THEN ''
             WHEN undoes IN (SELECT number FROM decisions WHERE undoes IS NOT NULL) THEN 'redo' ELSE 'undo' END"""
# Columns that logs of version 0.1 do not have.
_LATER = ("start", "stop")


@dataclass(frozen=True)
class Decided:
    """What one call wrote: how many traces it touched, and the number of its last event (0: nothing)."""

    traces: int
    number: int


def decision_log(project: Project) -> pa.Table:
    """All events so far, in order; empty before the first decision."""
    return events_after(project, 0, 0)[0]


def events_after(project: Project, number: int, count: int) -> tuple[pa.Table, bool]:
    """The events after a number, in order, if there are `count` up to it; else all.

    The log only grows, so a reader goes on from what it has, unless somebody has put another log in its place.

    Returns:
        The events, and whether they go on from there.
    """

    def read(log: Connection) -> tuple[pa.Table, bool]:
        sql = "SELECT count(*), coalesce(max(number), 0) FROM decisions WHERE number <= ?"
        goes_on = rows(log, sql, [number])[0] == (count, number)
        later = "SELECT * FROM decisions WHERE number > ? ORDER BY number"
        return table(log, later, [number if goes_on else 0]), goes_on

    if project.decisions.exists():
        return transaction(project, read)
    with connect() as empty:
        empty.execute(create_statements(DECISIONS)[0])
        return read(empty)


def decision_stamp(project: Project) -> tuple[int, int]:
    """Changes whenever a decision is added; cheap enough to ask on every click."""
    try:
        status = project.decisions.stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def append(log: Connection, events: Sequence[tuple[Any, ...]], actor: str) -> Decided:
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
    return Decided(len(set(columns[0])), first + count - 1)


def transaction(project: Project, work: Callable[[Connection], Result]) -> Result:
    """Hold the log for one transaction: nobody keeps it open, so reviewers, the app and exports take turns."""
    with _one_at_a_time, _turn(project), _patiently_open(project) as log:
        log.execute("BEGIN")
        log.execute(create_statements(DECISIONS)[0].replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        there = {name for (name,) in rows(log, "SELECT column_name FROM (DESCRIBE decisions)")}
        for name in _LATER:
            if name not in there:
                log.execute(f"ALTER TABLE decisions ADD COLUMN {name} INTEGER")
        result = work(log)
        log.execute("COMMIT")
        return result


@contextmanager
def _turn(project: Project) -> Iterator[None]:
    """Wait until no other process has the log, and keep it until the block has closed it.

    DuckDB's own lock is not enough: with three processes writing and one reading, one run of twenty lost a decision or
    read half a file. Ours is on a file beside the log, and its handle holds it.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    path = project.decisions.with_suffix(".lock")
    try:
        file = path.open("ab")
    except OSError as error:
        raise ProjectError(
            f"{path} cannot be written ({error.strerror}), and decisions need it; make the project's folder writable."
        ) from error
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                _wait(project, deadline, error)
        yield


def _patiently_open(project: Project) -> Connection:
    """Open the log; a program that is not ours may have it open, and only DuckDB's lock tells."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return connect(project.decisions)
        except duckdb.IOException as error:
            _wait(project, deadline, error)


def _wait(project: Project, deadline: float, error: Exception) -> None:
    """Sleep a moment.

    Raises:
        ProjectError: The deadline is over.
    """
    if time.monotonic() > deadline:
        raise ProjectError(
            f"{project.decisions} stays locked by another program; close what has it open and try again."
        ) from error
    time.sleep(random.uniform(0.002, 0.02))
