"""Publishing: a file is written beside its place, closed, and renamed once, under a name never used before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from curation.store.database import Connection, connect
from curation.store.schema import create_statements


def published(folder: Path) -> list[Path]:
    """The finished DuckDB files of a folder, oldest name first; files still being written are not among them."""
    return sorted(path for path in folder.glob("*.duckdb") if path.is_file())


@contextmanager
def publishing(folder: Path, tables: dict[str, str], name: str | None = None) -> Iterator[Connection]:
    """Give a connection to a new file with empty `tables`; publish it if the block ends well, else remove it.

    Args:
        folder: Where the file goes.
        tables: One of the kinds of `store.schema`.
        name: The file's stem; the next free number (0001, 0002, ...) if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name or 'next'}-{uuid4().hex[:8]}.part"
    connection = connect(part)
    try:
        for statement in create_statements(tables):
            connection.execute(statement)
        yield connection
        connection.execute("CHECKPOINT")
        connection.close()
        flush(part)
        _rename_once(part, folder, name)
    finally:
        connection.close()
        part.unlink(missing_ok=True)
        part.with_name(part.name + ".wal").unlink(missing_ok=True)


def _rename_once(part: Path, folder: Path, name: str | None) -> None:
    """Link the finished file to its name; a link, unlike a rename, never replaces what another writer published."""
    number = max((int(path.stem) for path in published(folder) if path.stem.isdigit()), default=0)
    while True:
        number += 1
        try:
            os.link(part, folder / f"{name or f'{number:04d}'}.duckdb")
            break
        except FileExistsError:
            if name:
                raise
    flush(folder)


def flush(path: Path) -> None:
    """Make a file's content, or a folder's entries, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that it is there complete or not at all."""
    part = path.with_name(f".{path.name}-{os.getpid()}.part")
    try:
        part.write_bytes(content)
        flush(part)
        part.replace(path)
        flush(path.parent)
    finally:
        part.unlink(missing_ok=True)
