"""The selected traces as a stream of whole rows."""

from collections.abc import Iterator

import pyarrow as pa

from curation.errors import ExportError
from curation.export.contents import Contents
from curation.export.formats import COLUMNS, SCHEMA, line
from curation.store.catalogue import Catalogue

_TEXTS = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS[1:-1])


def exported_rows(catalogue: Catalogue, contents: Contents) -> Iterator[pa.RecordBatch]:
    """Stream the traces of an export, in the order of ingest, each once; never all in memory.

    The order is that of the batch files and of the rows in them: a plain scan keeps it, a join might not, so
    the traces are picked here and not in SQL.

    Raises:
        ExportError: A selected trace is not in the catalogue.
    """
    left = set(contents.trace_ids)
    for batch in catalogue.batches(f"SELECT trace_id, {_TEXTS}, source_row FROM traces"):
        if not left:
            break
        inside = []
        for trace_id in batch.column(0).to_pylist():
            inside.append(trace_id in left)
            left.discard(trace_id)
        if any(inside):
            yield _masked(batch.filter(pa.array(inside)).cast(SCHEMA), contents)
    if left:
        raise ExportError(
            f"{len(left):,} selected traces, such as {min(left)}, are in no readable batch; restore it."
        )


def _masked(batch: pa.RecordBatch, contents: Contents) -> pa.RecordBatch:
    """The rows with their spans without loss, if any trace of the export has some."""
    if not contents.masks:
        return batch
    spans = [
        [list(span) for span in contents.masks.get(trace_id, ())] for trace_id in batch.column(0).to_pylist()
    ]
    field = contents.schema.field("loss_mask")
    return batch.append_column(field, pa.array(spans, field.type))


def preview(catalogue: Catalogue, contents: Contents, format: str, rows: int = 3) -> list[str]:
    """The first lines that an export would hold, as JSON text."""
    lines: list[str] = []
    for batch in exported_rows(catalogue, contents):
        lines += [line(format, row) for row in batch.slice(0, rows - len(lines)).to_pylist()]
        if len(lines) >= rows:
            break
    return lines
