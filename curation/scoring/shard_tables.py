"""The tables of a shard: one row a trace, step, token or query of the slice that it is about."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from curation.scoring.projection import Activations
from curation.scoring.rds import Embedding
from curation.scoring.slices import Slice
from curation.scoring.vector_columns import vector_column
from curation.scoring.work import Work

SpanRow = tuple[str, int, int, int, str, float | None]
TokenRow = tuple[str, str, tuple[int, ...], np.ndarray]
# Scores that not every trace has, for lack of a final answer or of steps: their NaN is no failure.
UNDEFINED = {"grace", "segment-share", "irm", "difficulty"}


def by_trace(trace_ids: list[str], columns: dict[str, Tensor]) -> pa.Table:
    """Columns (P,) by name as a table of trace_id, name and value, for the shards' table scores."""
    values = (
        np.concatenate([column.double().numpy() for column in columns.values()]) if columns else np.zeros(0)
    )
    return pa.table(
        {
            "trace_id": pa.array(trace_ids * len(columns), pa.string()),
            "name": pa.array([name for name in columns for _ in trace_ids], pa.string()),
            "value": pa.array(values, pa.float64(), mask=_undefined(columns, values)),
        }
    )


def _undefined(columns: dict[str, Tensor], values: np.ndarray) -> np.ndarray:
    """Which values are NaN by definition, and not since something broke."""
    by_definition = [
        name.partition("/")[0] in UNDEFINED for name, column in columns.items() for _ in range(len(column))
    ]
    undefined: np.ndarray = np.isnan(values) & np.array(by_definition, dtype=bool)
    return undefined


def span_rows(
    part: Slice, index: int, name: str, values: np.ndarray, spans: Sequence[tuple[int, int]]
) -> list[SpanRow]:
    """(S,) values of a trace's steps or segments as rows of the shards' table steps; NaN is not computed."""
    found = [None if np.isnan(value) else float(value) for value in values]
    return [(part.trace_ids[index], s, *spans[s], name, found[s]) for s in range(len(spans))]


def span_table(rows: list[SpanRow]) -> pa.Table:
    """Rows of steps or segments as the shards' table steps."""
    schema = pa.schema(
        {
            "trace_id": pa.string(),
            "step": pa.int32(),
            "start": pa.int32(),
            "stop": pa.int32(),
            "name": pa.string(),
            "value": pa.float64(),
        }
    )
    return _table(rows, schema)


def token_table(rows: list[TokenRow]) -> pa.Table:
    """Values by token, one row a trace and score, for the shards' table tokens."""
    schema = pa.schema(
        {
            "trace_id": pa.string(),
            "name": pa.string(),
            "starts": pa.list_(pa.int32()),
            "token_values": pa.list_(pa.float32()),
        }
    )
    return _table(rows, schema)


def query_table(trace_ids: list[str], query_ids: list[str], values: Tensor) -> pa.Table:
    """Influence of each trace on single queries: (P, V) values."""
    return pa.table(
        {
            "trace_id": pa.array(np.repeat(np.array(trace_ids, dtype=object), len(query_ids)), pa.string()),
            "query_id": pa.array(query_ids * len(trace_ids), pa.string()),
            "value": pa.array(values.numpy().ravel().astype(np.float64), pa.float64()),
        }
    )


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def vector_table(trace_ids: list[str], embedding: Embedding) -> pa.Table:
    """Embeddings of the traces, for the shards' table vectors."""
    vectors = [embedding.vectors[i].cpu().numpy() for i in range(len(trace_ids))]
    return pa.table(
        {"trace_id": pa.array(trace_ids, pa.string()), "vector": pa.array(vectors, pa.list_(pa.float32()))}
    )


def sketch_table(trace_ids: list[str], sketches: Tensor | None) -> pa.Table:
    """(P, R) projected gradients of the traces, for the shards' table sketches; no rows where there are none."""
    if sketches is None:
        trace_ids, sketches = [], torch.zeros(0, 1)
    return pa.table({"trace_id": trace_ids, "sketch": vector_column(sketches)})


def unscored_table(part: Slice) -> pa.Table:
    """What of the slice could not be scored, and why."""
    return pa.table(
        {"trace_id": [one for one, _ in part.unscored], "reason": [why for _, why in part.unscored]},
        schema=pa.schema({"trace_id": pa.string(), "reason": pa.string()}),
    )


def activation_table(work: Work, trace_ids: list[str], sheet: Activations) -> pa.Table:
    """The mean activation of each trace's completion along each concept, h . v."""
    tables = []
    for one in work.concepts:
        pooled = sheet.pooled[one.about.layer]
        values = pooled.double() @ torch.from_numpy(one.direction).to(pooled.device).double()
        tables.append(by_trace(trace_ids, {one.about.name: values.cpu()}))
    return pa.concat_tables(tables).rename_columns(["trace_id", "concept", "value"])
