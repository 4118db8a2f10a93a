"""One slice of traces through the fused pass, and its scores as the tables of one shard."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from curation.scoring.by_step import step_of_tokens
from curation.scoring.collector import Collector
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.grace import Grace
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.influence.directions import Directions, Influence
from curation.scoring.influence.steps import influence_by_token
from curation.scoring.likelihood import Likelihood
from curation.scoring.rds import Embedding, mean_cosine
from curation.scoring.rsr import RankSurprisal
from curation.scoring.shard_tables import (
    SpanRow,
    TokenRow,
    activation_table,
    by_trace,
    query_table,
    span_rows,
    span_table,
    token_table,
    unscored_table,
    vector_table,
)
from curation.scoring.sketch import Sketch
from curation.scoring.slices import Slice
from curation.scoring.trace_gradients import TraceGradients
from curation.scoring.vector_columns import vector_column
from curation.scoring.work import Work, activation_sheet, needs_gradients

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
    count, device = len(part.encoded), work.model.device
    likelihood, ranks = Likelihood.of(count, device), RankSurprisal.of(count, device)
    embedding, norm = Embedding(), GradientNorm.of(count, device)
    influence = Influence.of(directions, count, device) if directions else None
    activations = activation_sheet(work, count)
    collectors: list[Collector] = [likelihood, ranks, embedding, activations]
    grace = Grace.of(part) if "grace" in work.scores else None
    collectors += [grace] if grace else []
    if needs_gradients(work.scores):
        collectors += [norm, *([influence] if influence else [])]
    sketched = _sketched(work, count)
    collectors += [sketched] if sketched else []
    for batch in batches_of(work.model, part.encoded, token_budget):
        fused_pass(work.model, batch, collectors, work.modules)
        on_batch(batch.tokens)
    asked = {
        "nll": likelihood.nll,
        "perplexity": likelihood.perplexity,
        "rsr": ranks.ratio,
        "gradient-norm": norm.norm,
    }
    tokens = likelihood.tokens.cpu()
    columns = {name: value.cpu() for name, value in asked.items() if name in work.scores}
    columns["tokens"] = tokens
    columns["steps"] = torch.tensor([float(len(steps)) for steps in part.steps])
    if "rds" in work.scores and count:
        stacked = embedding.stacked()
        columns |= {f"rds/{group}": mean_cosine(stacked, of) for group, of in vectors.items()}
    sketches = sketched.projected.cpu().float() if sketched else torch.zeros(0, 1)
    if sketched:
        columns |= {f"outlier-l{p}": sketches.double().norm(p, dim=1) for p in (1, 2)}
    if grace:
        columns["grace"] = grace.mean
    halves: dict[str, Tensor] = {}
    single = torch.zeros(count, 0)
    if directions and influence:
        scores, aims = influence.scores.cpu(), directions.aims
        of_groups, *of_halves = scores[:, : 3 * len(aims)].chunk(3, 1)
        single = scores[:, 3 * len(aims) :]
        columns |= _variants(directions, of_groups, tokens, norm.norm.cpu())
        for half, values in enumerate(of_halves):
            halves |= {f"{half}/{aim}": column for aim, column in zip(aims, values.unbind(1), strict=True)}
    spans = [(i, "grace", values.cpu().numpy()) for i, values in (grace.by_step if grace else {}).items()]
    by_token = {i: values.cpu().numpy() for i, values in likelihood.by_token.items()}
    return {
        "scores": by_trace(part.trace_ids, columns),
        "losses": by_trace(part.trace_ids, {"nll": likelihood.nll.cpu()}),
        "halves": by_trace(part.trace_ids, halves),
        "query_scores": query_table(part.trace_ids, directions.query_ids if directions else [], single),
        "steps": span_table(
            [row for i in range(count) for row in _by_step(part, i, "nll", by_token[i])]
            + [row for i, name, values in spans for row in span_rows(part, i, name, values, part.steps[i])]
        ),
        "vectors": vector_table(part.trace_ids, embedding),
        **(
            {"activations": activation_table(work, part.trace_ids, activations)} if activations.pooled else {}
        ),
        "sketches": pa.table(
            {"trace_id": part.trace_ids if sketched else [], "sketch": vector_column(sketches)},
        ),
        "unscored": unscored_table(part),
    }


def counted_slice(part: Slice) -> dict[str, pa.Table]:
    """What of a slice is known without any pass: tables scores (tokens and steps) and unscored."""
    columns = {
        "tokens": torch.tensor([float(one.completion_length) for one in part.encoded]),
        "steps": torch.tensor([float(len(steps)) for steps in part.steps]),
    }
    return {"scores": by_trace(part.trace_ids, columns), "unscored": unscored_table(part)}


def _sketched(work: Work, count: int) -> TraceGradients | None:
    """What projects the gradients of P traces, for those scores that compare them with each other."""
    if "outlier" not in work.scores:
        return None
    sketch = Sketch(work.request.projection, work.request.seed)
    return TraceGradients.of(sketch, count, work.model.dtype, work.model.device)


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


def _variants(directions: Directions, scores: Tensor, tokens: Tensor, norms: Tensor) -> dict[str, Tensor]:
    """The sum over tokens, the mean over completion tokens and the cosine, for each group; the sum for each concept."""
    columns = dict(zip(directions.scores, scores.unbind(1), strict=True))
    for group, norm in zip(directions.groups, directions.norms, strict=False):
        score = columns[f"influence/{group}"]
        columns[f"influence-mean/{group}"] = score / tokens
        columns[f"influence-cosine/{group}"] = score / (norms * norm)
    return columns


def sums_by_step(part: Slice, index: int, by_token: np.ndarray) -> np.ndarray:
    """(S,) a trace's values of completion tokens, added up by step; a token belongs to the step in which it starts."""
    step = step_of_tokens(part.encoded[index].starts, part.steps[index])
    return np.bincount(step, weights=by_token, minlength=len(part.steps[index]))


def _by_step(part: Slice, index: int, name: str, by_token: np.ndarray) -> list[SpanRow]:
    return span_rows(part, index, name, sums_by_step(part, index, by_token), part.steps[index])
