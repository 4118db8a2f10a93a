"""RDS+ embeddings (2503.01807): position-weighted mean of the last hidden state over prompt and completion."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import normalize

from curation.scoring.fused import Collector, Forward


@dataclass
class Embedding(Collector):
    """Collects e = L2-normalised sum_i w_i h_i with w_i = i / sum_j j, i = 1 .. T over prompt and completion.

    Attributes:
        vectors: index -> (H,) float32 unit vector.
    """

    vectors: dict[int, Tensor] = field(default_factory=dict)

    def forward(self, seen: Forward) -> None:
        """Pool the batch's hidden states; padding has weight 0."""
        real = seen.batch.real
        weights = torch.arange(1, real.shape[1] + 1, device=real.device) * real
        weights = weights / weights.sum(1, keepdim=True)
        pooled = torch.einsum("bt,bth->bh", weights.double(), seen.hidden.double())
        self.vectors.update(
            zip(seen.batch.indices.tolist(), normalize(pooled, dim=1).float().cpu(), strict=True)
        )

    def stacked(self) -> Tensor:
        """(P, H) the vectors in the order of their indices."""
        return torch.stack([self.vectors[index] for index in sorted(self.vectors)])


def mean_cosine(vectors: Tensor, queries: Tensor) -> Tensor:
    """`rds/<group>`: mean cosine of each trace with the queries of a group. (P, H), (V, H) unit vectors -> (P,)."""
    return (vectors.double() @ queries.double().T).mean(1)
