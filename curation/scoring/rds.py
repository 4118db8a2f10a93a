"""RDS+ embeddings (2503.01807): position-weighted mean of the last hidden state over prompt and completion."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import normalize

from curation.scoring.collector import Collector, Forward


@dataclass
class Embedding(Collector):
    """Collects e = L2-normalised sum_i w_i h_i with w_i = i / sum_j j, i = 1 .. T over prompt and completion.

    Attributes:
        vectors: index -> (H,) float32 unit vector.
    """

    vectors: dict[int, Tensor] = field(default_factory=dict)

    def forward(self, seen: Forward) -> None:
        """Pool the batch's hidden states."""
        batch = seen.batch
        lengths = torch.tensor(batch.lengths, dtype=torch.float64).to(seen.hidden.device)
        weights = (batch.positions + 1).double()
        weighted = batch.rows(seen.hidden.double() * weights.unsqueeze(1)).sum(1)
        pooled = weighted / (lengths * (lengths + 1) / 2).unsqueeze(1)
        self.vectors.update(zip(batch.order, normalize(pooled, dim=1).float(), strict=True))

    def stacked(self) -> Tensor:
        """(P, H) the vectors in the order of their indices."""
        return torch.stack([self.vectors[index] for index in sorted(self.vectors)]).cpu()


def mean_cosine(vectors: Tensor, queries: Tensor) -> Tensor:
    """`rds/<group>`: mean cosine of each trace with the queries of a group. (P, H), (V, H) unit vectors -> (P,)."""
    return (vectors.double() @ queries.double().T).mean(1)
