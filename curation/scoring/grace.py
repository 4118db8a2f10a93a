"""GRACE (2605.13130): does a step pull the last hidden state where the answer does, and where the steps before did?

Its proxy at the level of representations: the upstream signal of a token is u_t = W' (p_t - onehot(y_t)), the gradient of
its loss in the last hidden state, which the fused pass has in its hands anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.scoring.by_step import Answered, answered
from curation.scoring.collector import Collector, Forward
from curation.scoring.slices import Slice


@dataclass
class Grace(Collector):
    """Collects the value of each step: the mean of its alignment and its consistency, of those that are defined.

    With s the sum of a step's u_t: alignment = cos(s, sum of u_t over the answer's tokens), consistency = cos(s, sum of
    the steps before). The step in which the answer stands has no alignment, since it would be with itself; the first
    has no consistency; neither is there where one of the two vectors is zero.

    Attributes:
        layout: (P,) the steps and the answer of each trace; None where it has no final answer, or one step only.
        by_step: index -> (S,) values; NaN where neither part is defined.
    """

    reads_slopes = True

    layout: Sequence[Answered | None]
    by_step: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, part: Slice) -> "Grace":
        """An empty sheet for the traces of a slice."""
        found = [
            answered(response, encoded.starts, steps)
            for response, encoded, steps in zip(part.responses, part.encoded, part.steps, strict=True)
        ]
        return cls([one if one and one.steps > 1 else None for one in found])

    def forward(self, seen: Forward) -> None:
        """Add the batch's slopes up by step, and compare."""
        assert seen.slope is not None
        for index, slope in seen.batch.split_by_row(seen.slope).items():
            where = self.layout[index]
            if where is not None:
                self.by_step[index] = step_values(slope, where)

    @property
    def mean(self) -> Tensor:
        """(P,) the mean of a trace's steps, of those that have a value; NaN where none has."""
        nothing = torch.tensor([torch.nan], dtype=torch.float64)
        means = [self.by_step.get(i, nothing).nanmean().cpu() for i in range(len(self.layout))]
        return torch.stack(means) if means else nothing[:0]


def step_values(slope: Tensor, where: Answered) -> Tensor:
    """(C, H) slopes of a trace's tokens -> (S,) the value of each step, in [-1, 1]; NaN where it is undefined."""
    wide = slope.double()
    if not wide.isfinite().all():
        return wide.new_full((where.steps,), torch.nan)
    step = torch.from_numpy(where.step).to(wide.device)
    sums = wide.new_zeros(where.steps, wide.shape[1]).index_add_(0, step, wide)
    answer = wide[torch.from_numpy(where.answer).to(wide.device)].sum(0)
    alignment = _cosine(sums, answer.unsqueeze(0))
    alignment[where.place] = torch.nan
    before = torch.cat([torch.zeros_like(sums[:1]), sums[:-1].cumsum(0)])
    return torch.stack([alignment, _cosine(sums, before)]).nanmean(0)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """Row by row; NaN where a vector is zero."""
    cosine: Tensor = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    return cosine
