"""What a user does with a whole catalogue: a SELECT of their own, or all of it in one file."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa

from curation.errors import ProjectError
from curation.store import database
from curation.store.catalogue import Catalogue
from curation.store.database import literal


def run_sql(catalogue: Catalogue, sql: str) -> pa.Table:
    """Run a user's own SELECT on the catalogue, with no way to the file system and no way to change a setting.

    The catalogue's connection is locked for good by this, so give it one of its own.

    Raises:
        ProjectError: The SQL is wrong, is no single SELECT, or tries to leave the project.
    """
    catalogue.connection.execute("SET enable_external_access = false")
    catalogue.connection.execute("SET lock_configuration = true")
    try:
        statements = catalogue.connection.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise ProjectError("Only a single SELECT is run here; the project's files never change by SQL.")
        return _stoppable(catalogue, sql)
    except duckdb.Error as error:
        raise ProjectError(f"The SQL failed: {str(error).strip().splitlines()[0]}") from error


def _stoppable(catalogue: Catalogue, sql: str) -> pa.Table:
    """The answer of a query; Ctrl-C ends it at once.

    DuckDB looks for signals only between its tasks, so a long query on the main thread would run on to its end.
    """
    with catalogue.connection.cursor() as cursor, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(lambda: cursor.sql(sql).to_arrow_table())
        try:
            return answer.result()
        except KeyboardInterrupt:
            cursor.interrupt()
            raise


def bundle(catalogue: Catalogue, path: Path) -> None:
    """Write every view and table of a catalogue into one portable DuckDB file.

    Raises:
        ProjectError: The file is already there.
    """
    if path.exists():
        raise ProjectError(f"{path} is already there; choose another name for the bundle.")
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    own = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'memory' UNION SELECT view_name FROM "
    own += "duckdb_views() WHERE database_name = 'memory' AND NOT internal"
    try:
        catalogue.connection.execute(f"ATTACH {literal(str(part))} AS bundled")
        for (name,) in database.rows(catalogue.connection, own):
            catalogue.connection.execute(f'CREATE TABLE bundled."{name}" AS SELECT * FROM "{name}"')
        catalogue.connection.execute("DETACH bundled")
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
