"""The one place that knows DuckDB's versions: opening files, fetching results."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curation.errors import ProjectError

Connection = duckdb.DuckDBPyConnection
Parameters = Sequence[Any] | None


def connect(
    path: Path | None = None, *, read_only: bool = False, memory: str = "", spill: str = ""
) -> Connection:
    """Open a DuckDB file, or a database in memory; never loads or downloads an extension.

    Args:
        path: The file.
        read_only: Open it so.
        memory: What DuckDB may take, as "768MB"; what it takes by itself is most of the machine's.
        spill: Folder for what does not fit into that; beside the file, or in the working folder, if it is not named.

    Raises:
        ProjectError: The file is damaged or is no DuckDB file.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads := os.environ.get("CURATION_DUCKDB_THREADS"):
        config["threads"] = threads
    if memory:
        config["memory_limit"] = memory
    if spill:
        config["temp_directory"] = spill
    try:
        return duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=config)
    except duckdb.IOException as error:
        if path is not None and "lock" in str(error).lower():
            raise
        raise ProjectError(
            f"{path} cannot be opened as a DuckDB file; restore it or move it away."
        ) from error


def rows(connection: Connection, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
    """Run a query in the connection's own transaction and fetch everything: no result stays open."""
    return connection.execute(sql, parameters).fetchall()


def table(connection: Connection, sql: str, parameters: Parameters = None) -> pa.Table:
    """Run a query in the connection's own transaction and fetch the result as an Arrow table."""
    return connection.sql(sql, params=parameters).to_arrow_table()


def batches(
    connection: Connection, sql: str, parameters: Parameters = None, *, rows_at_once: int = 2048
) -> Iterator[pa.RecordBatch]:
    """Run a query and stream the result; the connection is busy until the last batch is taken."""
    yield from connection.sql(sql, params=parameters).to_arrow_reader(rows_at_once)


def load(connection: Connection, name: str, data: pa.Table) -> None:
    """Append an Arrow table to the table `name`, column by column of the same name."""
    view = f"_load_{name}"
    connection.register(view, data)
    columns = ", ".join(f'"{column}"' for column in data.column_names)
    connection.execute(f'INSERT INTO "{name}" ({columns}) SELECT {columns} FROM {view}')
    connection.unregister(view)


def literal(text: str) -> str:
    """Quote a text for the few statements (ATTACH, COPY) that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
