"""The selected traces as a stream of whole rows."""

from collections.abc import Iterator

import pyarrow as pa

from curation.errors import ExportError
from curation.export.formats import COLUMNS, SCHEMA, check_format, line
from curation.selection.select import Selection
from curation.store.catalogue import Catalogue

_TEXTS = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS[1:-1])


def selected_rows(catalogue: Catalogue, selection: Selection) -> Iterator[pa.RecordBatch]:
    """Stream the traces that are in, in the order of ingest, each once; never all in memory.

    The order is that of the batch files and of the rows in them: a plain scan keeps it, a join might not, so
    the traces are picked here and not in SQL.

    Raises:
        ExportError: A selected trace is not in the catalogue.
    """
    left = set(selection.selected_ids)
    for batch in catalogue.batches(f"SELECT trace_id, {_TEXTS}, source_row FROM traces"):
        if not left:
            break
        inside = []
        for trace_id in batch.column(0).to_pylist():
            inside.append(trace_id in left)
            left.discard(trace_id)
        if any(inside):
            yield batch.filter(pa.array(inside)).cast(SCHEMA)
    if left:
        raise ExportError(
            f"{len(left):,} selected traces, such as {min(left)}, are in no readable batch; restore it."
        )


def preview(catalogue: Catalogue, selection: Selection, format: str, rows: int = 3) -> list[str]:
    """The first lines that an export would hold, as JSON text."""
    check_format(format)
    lines: list[str] = []
    for batch in selected_rows(catalogue, selection):
        lines += [line(format, row) for row in batch.slice(0, rows - len(lines)).to_pylist()]
        if len(lines) >= rows:
            break
    return lines
