"""Ingest: rows of a source become the traces, duplicates and rejected rows of one published batch."""

import fcntl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from curation.errors import ProjectError, SourceError
from curation.store.catalogue import open_catalogue
from curation.store.database import Connection, rows
from curation.store.incoming import Chunk, chunks
from curation.store.project import Project
from curation.store.publish import published, publishing
from curation.store.schema import BATCH
from curation.traces.readers import read_rows, source_name
from curation.traces.shapes import RECOGNISED, Fields

# Else the database caches all that it writes. One transaction around it all holds more than that in memory.
_DATABASE_MEMORY = "1GB"

# Rows that this very source has not brought before; new is the first row of a trace that is not yet known.
_FRESH = """
    CREATE OR REPLACE TEMP TABLE fresh AS
    SELECT trace_id, source, source_row,
           trace_id NOT IN (SELECT trace_id FROM known)
           AND row_number() OVER (PARTITION BY trace_id ORDER BY source_row) = 1 AS new
    FROM incoming WHERE NOT EXISTS (
        SELECT 1 FROM seen WHERE seen.trace_id = incoming.trace_id AND seen.source_row = incoming.source_row)
"""


@dataclass(frozen=True)
class Ingested:
    """What one ingest did. Every row read is one of added, duplicates, rejected and known.

    Attributes:
        read: Rows read.
        added: New traces.
        duplicates: Rows whose trace another row had already brought.
        rejected: Rows kept in `rejected`, with their reasons.
        known: Rows that this source had already brought: they changed nothing.
        batch: Name of the published file; None if there was nothing new.
        first_reason: Why the first of the rejected rows is no trace.
    """

    read: int
    added: int
    duplicates: int
    rejected: int
    known: int
    batch: str | None
    first_reason: str = ""

    @property
    def message(self) -> str:
        """The same in one sentence."""
        if self.rejected == self.read:
            return f"Every one of the {self.read:,} rows was rejected; the first: {self.first_reason}"
        if self.batch is None:
            return f"Nothing new: all {self.read:,} rows were there before."
        before = f", {self.known:,} there before" if self.known else ""
        return (
            f"Read {self.read:,} rows: {self.added:,} new traces, {self.duplicates:,} duplicates, "
            f"{self.rejected:,} rejected{before}."
        )


class _NothingNew(Exception):
    """Leaves `publishing` without a file."""

    def __init__(self, done: Ingested) -> None:
        self.done = done


def ingest(
    project: Project,
    source: str,
    *,
    fields: Fields = RECOGNISED,
    split: str | None = None,
    limit: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Ingested:
    """Add the traces of a source to a project, in bounded memory; the same rows again change nothing.

    Args:
        project: The project; several processes that ingest into it take turns.
        source: A .jsonl, .jsonl.gz, .json or .parquet file, a folder written by `save_to_disk`, or a hub id.
        fields: Names of the columns; what is not named is recognised.
        split: Of a dataset with splits, which one.
        limit: Read at most this many rows.
        on_progress: Called now and then with the number of rows read so far.

    Raises:
        SourceError: The source cannot be read at all; single rows that cannot are kept in `rejected`.
        ProjectError: An earlier batch is damaged, so that what is new cannot be told.
    """
    if limit is not None and limit < 1:
        raise SourceError(f"A limit of {limit} reads nothing; use 1 or more.")
    name = source_name(source, split)
    found = islice(read_rows(source, split), limit)
    folder = project.root / "batches"
    with in_turn(folder):
        before = set(published(folder))
        try:
            with publishing(folder, BATCH) as connection:
                connection.execute(f"SET memory_limit = '{_DATABASE_MEMORY}'")
                _remember(project, connection, name)
                read = _take_in(connection, chunks(found, fields, name), on_progress)
                if read == 0:
                    raise SourceError(f"{source} holds no rows.")
                done = _count(connection, read)
                if done.known == read:
                    raise _NothingNew(done)
        except _NothingNew as nothing:
            return nothing.done
        batch = next(path.name for path in published(folder) if path not in before)
    return replace(done, batch=batch)


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread writes into a folder, and hold the others off meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remember(project: Project, connection: Connection, source: str) -> None:
    """Put what the project holds beside the new file: all trace ids, and what this source has brought."""
    catalogue = open_catalogue(project)
    try:
        if damaged := [problem for problem in catalogue.problems if problem.startswith("batches")]:
            raise ProjectError(damaged[0])
        earlier = {
            "known": catalogue.table("SELECT trace_id FROM traces"),
            "seen": catalogue.table(
                "SELECT trace_id, source_row FROM traces WHERE source = $1 "
                "UNION ALL SELECT trace_id, source_row FROM duplicates WHERE source = $1",
                [source],
            ),
            "refused": catalogue.table(
                "SELECT line, md5(reason || raw) AS hash FROM rejected WHERE source = $1", [source]
            ),
        }
    finally:
        catalogue.close()
    for name, table in earlier.items():
        connection.register("earlier", table)
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM earlier")
        connection.unregister("earlier")


def _take_in(
    connection: Connection, parts: Iterable[Chunk], on_progress: Callable[[int], None] | None
) -> int:
    """Write what is new of each chunk; give the number of rows read."""
    read = 0
    for chunk in parts:
        connection.register("incoming", chunk.trace_table)
        connection.execute(_FRESH)
        connection.execute(
            "INSERT INTO traces SELECT * FROM incoming "
            "WHERE source_row IN (SELECT source_row FROM fresh WHERE new) ORDER BY source_row"
        )
        connection.execute(
            "INSERT INTO duplicates SELECT trace_id, source, source_row FROM fresh WHERE NOT new"
        )
        connection.execute("INSERT INTO known SELECT trace_id FROM fresh WHERE new")
        connection.register("incoming", chunk.rejected_table)
        connection.execute(
            "INSERT INTO rejected SELECT * FROM incoming WHERE NOT EXISTS (SELECT 1 FROM refused WHERE "
            "refused.line = incoming.line AND hash = md5(incoming.reason || incoming.raw)) ORDER BY line"
        )
        connection.unregister("incoming")
        read += chunk.rows
        if on_progress:
            on_progress(read)
    return read


def _count(connection: Connection, read: int) -> Ingested:
    added, duplicates, rejected = (
        rows(connection, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("traces", "duplicates", "rejected")
    )
    reasons = rows(connection, "SELECT reason FROM rejected ORDER BY line LIMIT 1")
    known = read - added - duplicates - rejected
    return Ingested(read, added, duplicates, rejected, known, None, reasons[0][0] if reasons else "")
