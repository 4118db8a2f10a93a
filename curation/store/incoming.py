"""Rows of a source on their way in: sorted into traces and rejected ones, as Arrow tables of bounded size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curation.errors import SourceError
from curation.traces.rows import Row, Unreadable, as_json, storable
from curation.traces.shapes import Fields, read_trace

CHUNK_ROWS = 2_000
CHUNK_CHARACTERS = 16_000_000
_TEXTS = ("trace_id", "prompt", "response", "answer", "system", "metadata", "source")
_TRACES = pa.schema([*((name, pa.string()) for name in _TEXTS), ("source_row", pa.int64())])
_REJECTED = pa.schema(
    [("source", pa.string()), ("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)


@dataclass
class Chunk:
    """As many rows as fit into memory easily, each as a tuple in the order of its table's columns."""

    traces: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[tuple[Any, ...]] = field(default_factory=list)
    characters: int = 0

    @property
    def rows(self) -> int:
        """Rows in it, of both kinds."""
        return len(self.traces) + len(self.rejected)

    @property
    def trace_table(self) -> pa.Table:
        """Columns of `traces`."""
        return _table(self.traces, _TRACES)

    @property
    def rejected_table(self) -> pa.Table:
        """Columns of `rejected`."""
        return _table(self.rejected, _REJECTED)

    def add(self, row: Row | Unreadable, fields: Fields, source: str) -> None:
        """Sort one row in."""
        try:
            if isinstance(row, Unreadable):
                raise SourceError(row.reason)
            trace = read_trace(row.values, fields, source=source, source_row=row.number)
            texts = [trace.prompt, trace.response, trace.answer, trace.system, as_json(trace.metadata)]
            self.traces.append((trace.trace_id, *texts, source, row.number))
        except (SourceError, RecursionError) as error:
            texts = [storable(str(error)), row.raw]
            self.rejected.append((source, row.number, *texts))
        self.characters += sum(map(len, texts))


def chunks(found: Iterable[Row | Unreadable], fields: Fields, source: str) -> Iterator[Chunk]:
    """Sort rows of a source into chunks; a single row of any length fits."""
    chunk = Chunk()
    for row in found:
        chunk.add(row, fields, source)
        if chunk.rows == CHUNK_ROWS or chunk.characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk = Chunk()
    if chunk.rows:
        yield chunk


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(list(column), kind.type) for column, kind in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
