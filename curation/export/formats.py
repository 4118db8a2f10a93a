"""The formats of an export: the shape of a row in each, and how rows become bytes."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import ExportError
from curation.export.sink import Sink
from curation.selection.masks import segments

COLUMNS = ("trace_id", "prompt", "response", "answer", "system", "metadata", "source", "source_row")
SCHEMA = pa.schema([(name, pa.int64() if name == "source_row" else pa.string()) for name in COLUMNS])
# The same with the spans of the response that carry no loss, where steps of a selected trace are vetoed.
MASKED_SCHEMA = SCHEMA.append(pa.field("loss_mask", pa.list_(pa.list_(pa.int32()))))
ROW_GROUP_BYTES = 32 * 2**20
Row = Mapping[str, Any]

# JSON escapes control characters by itself; these three also end a line for some readers.
_LINE_ENDS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def _messages(row: Row) -> dict[str, Any]:
    turns = [("system", row["system"]), ("user", row["prompt"]), ("assistant", row["response"])]
    return {"messages": [{"role": role, "content": text} for role, text in turns if text or role != "system"]}


def _prompt_completion(row: Row) -> dict[str, Any]:
    return _with_system(row, {"prompt": row["prompt"], "completion": row["response"]})


def _sharegpt(row: Row) -> dict[str, Any]:
    turns = [("system", row["system"]), ("human", row["prompt"]), ("gpt", row["response"])]
    return {"conversations": [{"from": who, "value": text} for who, text in turns if text or who != "system"]}


def _alpaca(row: Row) -> dict[str, Any]:
    return _with_system(row, {"instruction": row["prompt"], "input": "", "output": row["response"]})


def _spans(row: Row) -> dict[str, Any]:
    """`loss_mask`: start and stop, in characters of the completion, of what carries no loss."""
    return _prompt_completion(row) | {"loss_mask": _masked(row)}


def _segments(row: Row) -> dict[str, Any]:
    """axolotl's `input_output`: pieces of text in order, `label` says whether a piece carries loss."""
    before = [row["system"], row["prompt"]] if row["system"] else [row["prompt"]]
    pieces = [*((text + "\n", False) for text in before), *segments(row["response"], _masked(row))]
    return {"segments": [{"label": carries, "text": piece} for piece, carries in pieces]}


def _masked(row: Row) -> list[tuple[int, int]]:
    return [(start, stop) for start, stop in row.get("loss_mask") or ()]


def _with_system(row: Row, shaped: dict[str, Any]) -> dict[str, Any]:
    """A system message is part of what the model learns from, so a row that has one never loses it."""
    return shaped | ({"system": row["system"]} if row["system"] else {})


_SHAPES: dict[str, Callable[[Row], Mapping[str, Any]]] = {
    "messages": _messages,
    "prompt-completion": _prompt_completion,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "segments": _segments,
    "spans": _spans,
}
FORMATS = (*_SHAPES, "parquet")
# Those that can say of a part of a response that it carries no loss.
CARRY_MASKS = ("segments", "spans", "parquet")


def check_format(name: str) -> None:
    """Refuse an unknown format.

    Raises:
        ExportError: There is none of this name.
    """
    if name not in FORMATS:
        raise ExportError(f"There is no format {name!r}; use one of {', '.join(FORMATS)}.")


def line(name: str, row: Row) -> str:
    """One row as one line of JSON, without its line end; as all columns for parquet."""
    text = json.dumps(_SHAPES[name](row) if name in _SHAPES else dict(row), ensure_ascii=False)
    for character, escape in _LINE_ENDS.items():
        text = text.replace(character, escape)
    return text


def write_rows(name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: Sink) -> None:
    """Write traces (batches of a schema, `SCHEMA` or `MASKED_SCHEMA`) in a format, a batch at a time."""
    if name == "parquet":
        _write_parquet(batches, schema, sink)
    else:
        write_lines(name, batches, sink)


def write_lines(name: str, batches: Iterable[pa.RecordBatch], sink: Sink) -> None:
    """Write traces as lines of JSON; for parquet, all columns: what its content is compared by."""
    for batch in batches:
        for row in batch.to_pylist():
            sink.write(line(name, row).encode() + b"\n")


def _write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: Sink) -> None:
    """Write row groups of some megabytes, whatever the size of the batches."""
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            waiting.append(batch)
            if sum(each.nbytes for each in waiting) >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))
