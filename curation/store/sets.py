"""Kept sets of traces: what a search or a lasso found, held in memory so that paging never repeats it."""

import hashlib
import threading
from collections.abc import Sequence

import pyarrow as pa

from curation.store import database
from curation.store.catalogue import Catalogue

KEPT = 8
_one_at_a_time = threading.Lock()


def search_set(catalogue: Catalogue, text: str) -> str:
    """Name of the set of traces whose problem or response contains a text, as it is written."""
    name = _name("search", text)
    with _one_at_a_time:
        if not _known(catalogue, name):
            _make_room(catalogue)
            catalogue.rows(
                f"""CREATE TABLE "{name}" AS SELECT trace_id FROM traces
                    WHERE contains(prompt, $1) OR contains(response, $1)""",
                [text],
            )
    return name


def id_set(catalogue: Catalogue, trace_ids: Sequence[str]) -> str:
    """Name of a set of given traces."""
    name = _name("ids", "\n".join(trace_ids))
    with _one_at_a_time:
        if not _known(catalogue, name):
            _make_room(catalogue)
            with catalogue.connection.cursor() as cursor:
                cursor.execute(f'CREATE TABLE "{name}" (trace_id VARCHAR)')
                database.load(cursor, name, pa.table({"trace_id": pa.array(trace_ids, pa.string())}))
    return name


def _name(kind: str, content: str) -> str:
    return f"set_{kind}_{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _known(catalogue: Catalogue, name: str) -> bool:
    return bool(catalogue.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]))


def _make_room(catalogue: Catalogue) -> None:
    """Drop the oldest sets, so that no more than KEPT stay in memory."""
    names = catalogue.rows(
        "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'set_') ORDER BY table_oid"
    )
    for (name,) in names[: max(0, len(names) - KEPT + 1)]:
        catalogue.rows(f'DROP TABLE IF EXISTS "{name}"')
