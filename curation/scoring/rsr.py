"""RSR, rank-surprisal ratio (2601.14249): how far down a token was ranked against how surprising it was."""

from dataclasses import dataclass

import torch
from torch import Tensor

from curation.scoring.collector import Collector, Forward

RANK_CAP = 100


@dataclass
class RankSurprisal(Collector):
    """Collects sum_k min(rank of token k, 100) / sum_k -log p(token k); lower is better. The top rank is 1.

    Attributes:
        ranks: (P,) float64 sum of capped ranks.
        nll: (P,) float64 sum of surprisals, in nats.
    """

    ranks: Tensor
    nll: Tensor

    @classmethod
    def of(cls, count: int, device: torch.device | str = "cpu") -> "RankSurprisal":
        """An empty sheet for P sequences."""
        empty = torch.zeros(count, dtype=torch.float64, device=device)
        return cls(empty, empty.clone())

    def forward(self, seen: Forward) -> None:
        """Sum the batch's ranks and surprisals."""
        batch = seen.batch
        self.ranks[batch.indices] = batch.sum_by_row(seen.rank.clamp(max=RANK_CAP).double())
        self.nll[batch.indices] = batch.sum_by_row(seen.nll.double())

    @property
    def ratio(self) -> Tensor:
        """(P,) the score."""
        return self.ranks / self.nll
