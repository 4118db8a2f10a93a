"""One slice of traces through the fused pass, and its scores as the tables of one shard."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from curation.models.batches import token_batches
from curation.scoring.fused import Collector, fused_pass
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.influence.directions import GroupDirections, Influence
from curation.scoring.influence.steps import eager_attention, influence_by_token
from curation.scoring.likelihood import Likelihood
from curation.scoring.rds import Embedding, mean_cosine
from curation.scoring.rsr import RankSurprisal
from curation.scoring.slices import Slice
from curation.scoring.work import Work, needs_gradients

OnBatch = Callable[[int], None]
SpanRow = tuple[str, int, int, int, str, float]


def score_slice(
    work: Work, part: Slice, groups: GroupDirections | None, vectors: dict[str, Tensor], on_batch: OnBatch
) -> dict[str, pa.Table]:
    """All scores but those of single queries.

    Args:
        work: The run.
        part: The slice, P traces.
        groups: Directions of the groups; None if no influence is asked for.
        vectors: Group -> (V, H) unit embeddings of its queries.
        on_batch: Told the number of tokens after each batch.

    Returns:
        Tables scores, halves (influence by either half of the factor sample), steps, vectors and unscored.
    """
    count, device = len(part.encoded), work.model.device
    likelihood, ranks, embedding = Likelihood.of(count), RankSurprisal.of(count), Embedding()
    norm = GradientNorm.of(count, device)
    whole = Influence.of(groups.whole, count, device) if groups else None
    halves = Influence.of(groups.halves, count, device) if groups else None
    gradients = [norm, *filter(None, (whole, halves))] if needs_gradients(work.scores) else []
    collectors: list[Collector] = [likelihood, ranks, embedding, *gradients]
    for batch in token_batches(part.encoded, work.request.token_budget, device):
        fused_pass(work.model, batch, collectors, work.modules)
        on_batch(int(batch.real.sum()))
    asked = {
        "nll": likelihood.nll,
        "perplexity": likelihood.perplexity,
        "rsr": ranks.ratio,
        "gradient-norm": norm.norm.cpu(),
    }
    columns = {name: value for name, value in asked.items() if name in work.scores}
    columns["tokens"] = likelihood.tokens
    columns["steps"] = torch.tensor([float(len(steps)) for steps in part.steps])
    if "rds" in work.scores and count:
        stacked = embedding.stacked()
        columns |= {f"rds/{group}": mean_cosine(stacked, of) for group, of in vectors.items()}
    of_halves: dict[str, Tensor] = {}
    steps = [row for i in range(count) for row in _by_step(part, i, "nll", likelihood.by_token[i].numpy())]
    if groups and whole and halves:
        columns |= _variants(groups, whole.scores.cpu(), likelihood.tokens, norm.norm.cpu())
        names = [f"{half}/{group}" for half in (0, 1) for group in groups.groups]
        of_halves = dict(zip(names, halves.scores.cpu().unbind(1), strict=True))
        steps += _influence_steps(work, part, groups, on_batch) if work.request.by_step else []
    return {
        "scores": _long(part.trace_ids, columns),
        "halves": _long(part.trace_ids, of_halves),
        "steps": _span_table(steps),
        "vectors": _vector_table(part.trace_ids, embedding),
        "unscored": pa.table(
            {"trace_id": [one for one, _ in part.unscored], "reason": [why for _, why in part.unscored]},
            schema=pa.schema({"trace_id": pa.string(), "reason": pa.string()}),
        ),
    }


def _variants(groups: GroupDirections, scores: Tensor, tokens: Tensor, norms: Tensor) -> dict[str, Tensor]:
    """The sum over tokens, the mean over completion tokens and the cosine, for each group."""
    columns = {}
    for group, score, norm in zip(groups.groups, scores.unbind(1), groups.norms, strict=True):
        columns[f"influence/{group}"] = score
        columns[f"influence-mean/{group}"] = score / tokens
        columns[f"influence-cosine/{group}"] = score / (norms * norm)
    return columns


def score_queries(
    work: Work, part: Slice, on_batch: OnBatch, *, query_ids: list[str], directions: dict[str, Tensor]
) -> dict[str, pa.Table]:
    """Influence of each trace on single queries: table query_scores(trace_id, query_id, value)."""
    count, device = len(part.encoded), work.model.device
    influence = Influence.of(directions, count, device)
    for batch in token_batches(part.encoded, work.request.token_budget, device):
        fused_pass(work.model, batch, [influence], work.modules)
        on_batch(int(batch.real.sum()))
    table = pa.table(
        {
            "trace_id": pa.array(
                np.repeat(np.array(part.trace_ids, dtype=object), len(query_ids)), pa.string()
            ),
            "query_id": pa.array(query_ids * count, pa.string()),
            "value": pa.array(influence.scores.cpu().numpy().ravel(), pa.float64()),
        }
    )
    return {"query_scores": table}


def _influence_steps(work: Work, part: Slice, groups: GroupDirections, on_batch: OnBatch) -> list[SpanRow]:
    rows: list[SpanRow] = []
    with eager_attention(work.model):
        for batch in token_batches(part.encoded, work.request.token_budget, work.model.device):
            values = influence_by_token(work.model, work.modules, groups.whole, batch).cpu()
            lengths = [part.encoded[i].completion_length for i in batch.indices.tolist()]
            for i, by_token in zip(batch.indices.tolist(), torch.split(values, lengths), strict=True):
                for k, group in enumerate(groups.groups):
                    rows += _by_step(part, i, f"influence/{group}", by_token[:, k].numpy())
            on_batch(int(batch.real.sum()))
    return rows


def _by_step(part: Slice, index: int, name: str, by_token: np.ndarray) -> list[SpanRow]:
    """Add a trace's token values up by step; a token belongs to the step in which it starts."""
    spans = part.steps[index]
    starts = np.array([start for start, _ in spans])
    step = np.clip(np.searchsorted(starts, np.array(part.encoded[index].starts), side="right") - 1, 0, None)
    sums = np.bincount(step, weights=by_token, minlength=len(spans))
    return [(part.trace_ids[index], s, *spans[s], name, float(sums[s])) for s in range(len(spans))]


def _long(trace_ids: list[str], columns: dict[str, Tensor]) -> pa.Table:
    values = (
        np.concatenate([column.double().numpy() for column in columns.values()]) if columns else np.zeros(0)
    )
    return pa.table(
        {
            "trace_id": pa.array(trace_ids * len(columns), pa.string()),
            "name": pa.array([name for name in columns for _ in trace_ids], pa.string()),
            "value": pa.array(values, pa.float64()),
        }
    )


def _span_table(rows: list[SpanRow]) -> pa.Table:
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
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _vector_table(trace_ids: list[str], embedding: Embedding) -> pa.Table:
    vectors = [embedding.vectors[i].numpy() for i in range(len(trace_ids))]
    return pa.table(
        {"trace_id": pa.array(trace_ids, pa.string()), "vector": pa.array(vectors, pa.list_(pa.float32()))}
    )
