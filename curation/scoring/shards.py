"""One slice of traces through the fused pass, and its scores as the tables of one shard."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from curation.scoring.by_step import step_of_tokens
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.directions import Directions, Influence
from curation.scoring.influence.steps import influence_by_token
from curation.scoring.rds import mean_cosine
from curation.scoring.shard_tables import (
    SpanRow,
    TokenRow,
    activation_table,
    by_trace,
    query_table,
    sketch_table,
    span_rows,
    span_table,
    token_table,
    unscored_table,
    vector_table,
)
from curation.scoring.sheets import Sheets
from curation.scoring.slices import Slice
from curation.scoring.work import Work

OnBatch = Callable[[int], None]


def score_slice(
    work: Work,
    part: Slice,
    directions: Directions | None,
    vectors: dict[str, Tensor],
    token_budget: int,
    on_batch: OnBatch,
) -> dict[str, pa.Table]:
    """Every score of a slice, in one pass.

    Args:
        work: The run.
        part: The slice, P traces.
        directions: Of groups and single queries; None if no influence is asked for.
        vectors: Group -> (V, H) unit embeddings of its queries.
        token_budget: Tokens a batch.
        on_batch: Told the number of tokens after each batch.

    Returns:
        Tables scores, losses (nll, for the stages that compare with it), halves (influence by either half of the
        factor sample), query_scores, steps (of nll and grace), vectors, sketches (projected gradients), activations
        (along concepts) and unscored.
    """
    sheets = Sheets.of(work, part, directions)
    for batch in batches_of(work.model, part.encoded, token_budget):
        fused_pass(work.model, batch, sheets.collectors, work.modules)
        on_batch(batch.tokens)
    ids, influence = part.trace_ids, sheets.influence
    tables = {
        "scores": by_trace(ids, _columns(work, part, sheets, vectors)),
        "losses": by_trace(ids, {"nll": sheets.likelihood.nll.cpu()}),
        "halves": by_trace(ids, _halves(influence) if influence else {}),
        "query_scores": query_table(
            ids,
            influence.directions.query_ids if influence else [],
            influence.along_queries if influence else torch.zeros(len(ids), 0),
        ),
        "steps": span_table(_step_rows(part, sheets)),
        "vectors": vector_table(ids, sheets.embedding),
        "sketches": sketch_table(ids, sheets.sketches),
        "unscored": unscored_table(part),
    }
    if sheets.activations.pooled:
        tables["activations"] = activation_table(work, ids, sheets.activations)
    return tables


def _columns(work: Work, part: Slice, sheets: Sheets, vectors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Score name -> (P,) values on the CPU."""
    asked = {
        "nll": sheets.likelihood.nll,
        "perplexity": sheets.likelihood.perplexity,
        "rsr": sheets.ranks.ratio,
        **({"gradient-norm": sheets.norm.norm} if sheets.norm else {}),
    }
    columns = {name: value.cpu() for name, value in asked.items() if name in work.scores}
    columns["tokens"] = sheets.likelihood.tokens.cpu()
    columns["steps"] = torch.tensor([float(len(steps)) for steps in part.steps])
    if "rds" in work.scores and part.encoded:
        stacked = sheets.embedding.stacked()
        columns |= {f"rds/{group}": mean_cosine(stacked, of) for group, of in vectors.items()}
    if (sketches := sheets.sketches) is not None:
        columns |= {f"outlier-l{p}": sketches.double().norm(p, dim=1) for p in (1, 2)}
    if sheets.grace:
        columns["grace"] = sheets.grace.mean
    if sheets.influence and sheets.norm:
        columns |= _variants(sheets.influence, columns["tokens"], sheets.norm.norm.cpu())
    return columns


def _variants(influence: Influence, tokens: Tensor, norms: Tensor) -> dict[str, Tensor]:
    """The sum over tokens, the mean over completion tokens and the cosine, for each group; the sum for each concept."""
    directions = influence.directions
    columns = dict(zip(directions.scores, influence.along_aims.unbind(1), strict=True))
    for group, norm in zip(directions.groups, directions.norms, strict=False):
        score = columns[f"influence/{group}"]
        columns[f"influence-mean/{group}"] = score / tokens
        columns[f"influence-cosine/{group}"] = score / (norms * norm)
    return columns


def _halves(influence: Influence) -> dict[str, Tensor]:
    """Number of the half of the factors / group or concept -> (P,) influence by that half."""
    return {
        f"{half}/{aim}": column
        for half, values in enumerate(influence.by_halves)
        for aim, column in zip(influence.directions.aims, values.unbind(1), strict=True)
    }


def _step_rows(part: Slice, sheets: Sheets) -> list[SpanRow]:
    """The steps' rows of nll, then of grace."""
    rows: list[SpanRow] = []
    for i in range(len(part.encoded)):
        rows += _by_step(part, i, "nll", sheets.likelihood.by_token[i].cpu().numpy())
    if sheets.grace:
        for i, values in sheets.grace.by_step.items():
            rows += span_rows(part, i, "grace", values.cpu().numpy(), part.steps[i])
    return rows


def counted_slice(part: Slice) -> dict[str, pa.Table]:
    """What of a slice is known without any pass: tables scores (tokens and steps) and unscored."""
    columns = {
        "tokens": torch.tensor([float(one.completion_length) for one in part.encoded]),
        "steps": torch.tensor([float(len(steps)) for steps in part.steps]),
    }
    return {"scores": by_trace(part.trace_ids, columns), "unscored": unscored_table(part)}


def step_slice(
    work: Work, part: Slice, directions: Directions, token_budget: int, on_batch: OnBatch
) -> dict[str, pa.Table]:
    """Influence on the groups by the steps of a slice, and by their tokens: tables steps and tokens.

    The tokens of all traces would grow a run of short ones by an eighth and one of long ones many times over; they are
    kept only where a number of traces was asked for. No row has a value that is not finite.
    """
    rows: list[SpanRow] = []
    tokens: list[TokenRow] = []
    keeps_tokens = work.request.steps != "all"
    for batch in batches_of(work.model, part.encoded, token_budget):
        values = influence_by_token(work.model, work.modules, directions, batch).cpu()
        for i, by_token in batch.split_by_row(values).items():
            for k, name in enumerate(directions.scores):
                column = by_token[:, k].numpy()
                rows += _by_step(part, i, name, column)
                if keeps_tokens and np.isfinite(column).all():
                    tokens.append((part.trace_ids[i], name, part.encoded[i].starts, column))
        on_batch(batch.tokens)
    return {"steps": span_table(rows), "tokens": token_table(tokens)}


def sums_by_step(part: Slice, index: int, by_token: np.ndarray) -> np.ndarray:
    """(S,) a trace's values of completion tokens, added up by step; a token belongs to the step in which it starts."""
    step = step_of_tokens(part.encoded[index].starts, part.steps[index])
    return np.bincount(step, weights=by_token, minlength=len(part.steps[index]))


def _by_step(part: Slice, index: int, name: str, by_token: np.ndarray) -> list[SpanRow]:
    return span_rows(part, index, name, sums_by_step(part, index, by_token), part.steps[index])
