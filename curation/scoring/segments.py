"""Segment-level selective learning (2602.00425): integrated gradients of the final answer, added up by segment."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.encode import Encoded
from curation.models.load import LanguageModel
from curation.scoring.by_step import Answered, answered
from curation.scoring.collector import Collector
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.important import Floats, important
from curation.scoring.shard_tables import by_trace, span_rows, span_table
from curation.scoring.shards import OnBatch
from curation.scoring.slices import Slice
from curation.scoring.work import Work
from curation.traces.steps import split_segments


@dataclass
class Path(Collector):
    """Walks from the baseline to the input and adds up what the gradient says of each token on the way.

    The baseline is the padding token in every place, prompt and answer included; the points are the middles of equal
    parts of the straight way.

    Attributes:
        baseline: (H,) embedding of the padding token.
        points: How many.
        at: Share of the way that is walked.
        attributions: (N,) float64 of the batch's tokens; with many points they add up to what the loss loses on the way.
    """

    baseline: Tensor
    points: int
    at: float = 0.0
    attributions: Tensor | None = None
    _way: Tensor | None = None

    def embedding(self, batch: TokenBatch, e: Tensor) -> Tensor:
        """Put the tokens on their place of the way."""
        self._way = e - self.baseline
        return self.baseline + self.at * self._way

    def embedding_gradient(self, batch: TokenBatch, g: Tensor) -> None:
        """Add (e - baseline)' g / points; the sign makes it the log-likelihood's."""
        assert self._way is not None
        found = -(self._way.double() * g.double()).sum(1) / self.points
        self.attributions = found if self.attributions is None else self.attributions + found


def attribute(model: LanguageModel, batch: TokenBatch, points: int) -> Tensor:
    """Integrated gradients of the weighted log-likelihood of a batch's completions with respect to its tokens.

    Args:
        model: The frozen model.
        batch: N tokens, the weights of its losses 1 at the answers' tokens and 0 elsewhere.
        points: Of the way; each takes a forward and a backward pass.

    Returns:
        (N,) float64, in nats: positive where a token raises the log-likelihood of its trace's answer.
    """
    path = Path(baseline_of(model), points)
    for point in range(points):
        path.at = (point + 0.5) / points
        fused_pass(model, batch, [path])
    assert path.attributions is not None
    return path.attributions


@torch.no_grad()
def baseline_of(model: LanguageModel) -> Tensor:
    """(H,) the embedding of the padding token; of the end of the sequence, or of token 0, where there is none."""
    known = (getattr(model.tokenizer, name, None) for name in ("pad_token_id", "eos_token_id"))
    token = next((one for one in known if one is not None), 0)
    embed = model.module.get_input_embeddings()  # type: ignore[operator]
    baseline: Tensor = embed(torch.tensor([token], device=model.device))[0]
    return baseline


def segment_slice(work: Work, part: Slice, token_budget: int, on_batch: OnBatch) -> dict[str, pa.Table]:
    """The segments of a slice: tables steps (of `segment-strength`, `segment-consistency`) and scores.

    The segment in which the final answer begins, and what follows, are the conclusion: they get no value. A trace
    without a final answer, without a segment before it, or without any attribution has none at all.
    """
    spans = [split_segments(response) for response in part.responses]
    layout = [
        answered(response, encoded.starts, segments)
        for response, encoded, segments in zip(part.responses, part.encoded, spans, strict=True)
    ]
    chosen = [i for i, one in enumerate(layout) if one and one.place > 0]
    share = torch.full((len(layout),), torch.nan, dtype=torch.float64)
    rows = []
    for batch in batches_of(work.model, [_asking(part.encoded[i], layout[i]) for i in chosen], token_budget):
        found = attribute(work.model, batch, work.request.segment_points).cpu().numpy()
        for place, (start, stop) in zip(batch.order, batch.spans, strict=True):
            i = chosen[place]
            where = layout[i]
            assert where is not None
            own = found[start:stop]
            strength, consistency = by_segment(own, part.encoded[i].prompt_length, where)
            rows += span_rows(part, i, "segment-strength", strength, spans[i])
            rows += span_rows(part, i, "segment-consistency", consistency, spans[i])
            share[i] = _share(strength, consistency, where)
        on_batch(batch.tokens)
    return {"steps": span_table(rows), "scores": by_trace(part.trace_ids, {"segment-share": share})}


def by_segment(attributions: Floats, prompt_length: int, where: Answered) -> tuple[Floats, Floats]:
    """Strength and consistency of a trace's segments, from the (T,) attributions of its tokens.

    Attributions are first divided by their norm over the whole sequence. Strength = sum |a| / sqrt(tokens), consistency
    = |sum a| / sum |a|, over the tokens of a segment.

    Returns:
        (S,), (S,); NaN from the segment with the answer on, and everywhere if all attributions are zero or one is not
        finite. Consistency is NaN, too, where a segment has no attribution, strength where it has no token.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        own = (attributions / np.linalg.norm(attributions))[prompt_length:]
        tokens = np.bincount(where.step, minlength=where.steps)
        absolute = np.bincount(where.step, weights=np.abs(own), minlength=where.steps)
        strength = absolute / np.sqrt(tokens)
        consistency = np.abs(np.bincount(where.step, weights=own, minlength=where.steps)) / absolute
    strength[where.place :] = np.nan
    consistency[where.place :] = np.nan
    return strength, consistency


def _share(strength: Floats, consistency: Floats, where: Answered) -> float:
    """The share of the completion tokens before the conclusion that are in important segments."""
    before = slice(None, where.place)
    if np.isnan(strength[before]).all():
        return float("nan")
    inside = important(np.nan_to_num(strength[before]), consistency[before])
    tokens = np.bincount(where.step, minlength=where.steps)[before]
    return float(tokens[inside].sum() / tokens.sum()) if tokens.sum() else float("nan")


def _asking(encoded: Encoded, where: Answered | None) -> Encoded:
    """The same sequence with its loss on the answer's tokens alone."""
    assert where is not None
    return replace(encoded, weights=tuple(where.answer.astype(float).tolist()))
