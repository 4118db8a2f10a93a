"""One read-only connection over everything published, under plain views."""

import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from curation.store import database
from curation.store.database import Connection, Parameters, literal
from curation.store.log import CURRENT, CURRENT_STEPS, decision_stamp, events_after
from curation.store.project import Project
from curation.store.schema import (
    BATCH,
    DECISIONS,
    LATER,
    MAP,
    NEAR_DUPLICATES,
    QUERIES,
    RUN,
    column_names,
    create_statements,
)

Found = TypeVar("Found")
# Tables of a run that get the run's id in front, so that runs can be told apart in one view.
_RUN_TABLES = [name for name in RUN if name != "run"]


@dataclass
class Catalogue:
    """A project as tables: traces, duplicates, rejected, queries, run, scores, steps, tokens, query_scores,
    vectors, query_vectors, unscored, map, near_duplicates, near_duplicate_search (both of the newest file),
    decisions (the log), verdicts (what holds now for each decided trace) and step_vetoes (the steps that are
    vetoed now).

    Attributes:
        project: The project that was read.
        files: The published files behind the views: a cache key.
        problems: One sentence for each file that could not be read; everything else is there.
        batch_aliases: Names under which the files of traces are attached, oldest first.
        found: What was read once and is kept (`once`); `finding` is held by who changes it.
    """

    project: Project
    connection: Connection
    files: tuple[str, ...]
    problems: list[str] = field(default_factory=list)
    batch_aliases: tuple[str, ...] = ()
    _stamp: tuple[int, int] = (-1, -1)
    _spill: tempfile.TemporaryDirectory[str] | None = None
    found: dict[str, Any] = field(default_factory=dict)
    finding: threading.RLock = field(default_factory=threading.RLock)

    def once(self, what: str, find: Callable[[], Found]) -> Found:
        """What was found under a name the first time: what is attached never changes."""
        with self.finding:
            if what not in self.found:
                self.found[what] = find()
            found: Found = self.found[what]
        return found

    def rows(self, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """All rows of a query, as tuples; safe from several threads at once."""
        with self.connection.cursor() as cursor:
            return database.rows(cursor, sql, parameters)

    def table(self, sql: str, parameters: Parameters = None) -> pa.Table:
        """All rows of a query, as an Arrow table; safe from several threads at once."""
        with self.connection.cursor() as cursor:
            return database.table(cursor, sql, parameters)

    def batches(self, sql: str, parameters: Parameters = None) -> Iterator[pa.RecordBatch]:
        """The rows of a query in slices, never all in memory; plain scans come in the order of ingest."""
        with self.connection.cursor() as cursor:
            yield from database.batches(cursor, sql, parameters)

    def refresh(self) -> None:
        """Read the decisions again if there are new ones."""
        stamp = decision_stamp(self.project)
        if stamp == self._stamp:
            return
        with self.connection.cursor() as cursor:
            number, count = database.rows(cursor, "SELECT coalesce(max(number), 0), count(*) FROM decisions")[
                0
            ]
            log, goes_on = events_after(self.project, number, count)
            cursor.execute("BEGIN")
            if not goes_on:
                cursor.execute("DELETE FROM decisions")
                self.found.pop("verdicts", None)
            database.load(cursor, "decisions", log)
            cursor.execute("COMMIT")
        self._stamp = stamp

    def damage(self, *folders: str) -> str | None:
        """The first problem with a file of these folders: what stops work that must see all of them."""
        places = tuple(f"{folder}/" for folder in folders)
        return next((problem for problem in self.problems if problem.startswith(places)), None)

    def add_table(self, name: str, data: pa.Table) -> None:
        """Put a derived table beside the views, for a user's SQL and for bundles."""
        self.connection.register("_derived", data)
        self.connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM _derived')
        self.connection.unregister("_derived")

    def close(self) -> None:
        """Let go of every file."""
        self.connection.close()
        if self._spill:
            self._spill.cleanup()


def open_catalogue(project: Project, *, files: Collection[str] | None = None, memory: str = "") -> Catalogue:
    """Attach every published file of a project read-only and put plain views over them.

    A file that is damaged is left out and named in `problems`; the rest works.

    Args:
        project: The project.
        files: Only these of `project.files`, to see the project as it was before others came; all if None.
        memory: What DuckDB may take, as "768MB"; most of the machine's if it is not said.
    """
    spill = tempfile.TemporaryDirectory(prefix="curation-") if memory else None
    connection = database.connect(memory=memory, spill=spill.name if spill else "")
    wanted = tuple(name for name in project.files if files is None or name in files)
    catalogue = Catalogue(project, connection, wanted, _spill=spill)
    for statement in create_statements(DECISIONS):
        connection.execute(statement)
    batches = _attach(catalogue, project.batches, "batch", BATCH)
    catalogue.batch_aliases = tuple(batches)
    queries = _attach(catalogue, project.queries, "queries", QUERIES)
    runs = _attach(catalogue, project.runs, "run", RUN)
    maps = _attach(catalogue, project.maps, "map", MAP)
    duplicates = _attach(catalogue, project.duplicates, "duplicates", NEAR_DUPLICATES)
    newest = dict(list(duplicates.items())[-1:])
    for name, columns in NEAR_DUPLICATES.items():
        _view(connection, name, columns, newest)
    for tables, attached in ((BATCH, batches), (QUERIES, queries), (MAP, maps), (RUN, runs)):
        for name, columns in tables.items():
            _view(connection, name, columns, attached, of_run=name in _RUN_TABLES)
    connection.execute(f"CREATE VIEW verdicts AS {CURRENT}")
    connection.execute(f"CREATE VIEW step_vetoes AS {CURRENT_STEPS.format(upto='true')}")
    catalogue.refresh()
    return catalogue


def _attach(catalogue: Catalogue, paths: list[Path], kind: str, tables: dict[str, str]) -> dict[str, Path]:
    """Attach files read-only as kind_0, kind_1, ...; those that fail a first read become a problem."""
    attached = {}
    wanted = [path for path in paths if str(path.relative_to(catalogue.project.root)) in catalogue.files]
    for number, path in enumerate(wanted):
        alias = f"{kind}_{number}"
        try:
            catalogue.connection.execute(f"ATTACH {literal(str(path))} AS {alias} (READ_ONLY)")
            for name, columns in tables.items():
                if not _holds(catalogue.connection, alias, name):
                    continue
                first = f'SELECT {column_names(columns)} FROM {alias}."{name}" LIMIT 1'
                catalogue.connection.execute(first).fetchall()
        except duckdb.Error:
            catalogue.problems.append(
                f"{path.relative_to(catalogue.project.root)} cannot be read; restore it, or move it away and make it again."
            )
        else:
            attached[alias] = path
    return attached


def _holds(connection: Connection, alias: str, name: str) -> bool:
    """Whether an attached file has a table; False only of one that came later, so that others are missed when read."""
    held = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = ?"
    return name not in LATER or bool(database.rows(connection, held, [alias, name]))


def _view(
    connection: Connection, name: str, columns: str, sources: dict[str, Path], *, of_run: bool = False
) -> None:
    """A view over the table of one name in all attached files; an empty table of that shape if none has it."""
    sources = {alias: path for alias, path in sources.items() if _holds(connection, alias, name)}
    if not sources:
        connection.execute(f'CREATE TABLE "{name}" ({"run_id VARCHAR, " if of_run else ""}{columns})')
        return
    names = column_names(columns)
    union = " UNION ALL ".join(
        f'SELECT {f"{literal(path.stem)} AS run_id, " if of_run else ""}{names} FROM {alias}."{name}"'
        for alias, path in sources.items()
    )
    connection.execute(f'CREATE VIEW "{name}" AS {union}')
