"""Negative log-likelihood and perplexity of completions (METHODS 3)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.scoring.collector import Collector, Forward


@dataclass
class Likelihood(Collector):
    """Collects the negative log-likelihood of each completion, in nats, given its prompt.

    Attributes:
        nll: (P,) float64, summed over completion tokens, the end of the sequence included.
        tokens: (P,) completion tokens.
        by_token: index -> (C,) value of each completion token.
    """

    nll: Tensor
    tokens: Tensor
    by_token: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, count: int, device: torch.device | str = "cpu") -> "Likelihood":
        """An empty sheet for P sequences."""
        empty = torch.zeros(count, dtype=torch.float64, device=device)
        return cls(empty, empty.clone())

    def forward(self, seen: Forward) -> None:
        """Sum and keep the batch's token losses."""
        batch, nll = seen.batch, seen.nll.double()
        self.nll[batch.indices] = batch.sum_by_row(nll)
        self.tokens[batch.indices] = batch.sum_by_row(torch.ones_like(nll))
        self.by_token.update(batch.split_by_row(nll))

    @property
    def perplexity(self) -> Tensor:
        """(P,) exp of the mean negative log-likelihood of a completion token."""
        return (self.nll / self.tokens).exp()
