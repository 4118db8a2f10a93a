"""Activations projected on a direction at a decoder layer, pooled over completions (2602.14869)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.scoring.collector import Collector


@dataclass
class Activations(Collector):
    """Collects the mean activation of each sequence's completion at some decoder layers: mean_t h_l[t].

    Attributes:
        pooled: layer -> (P, H) float32 or better, filled row by row.
    """

    pooled: dict[int, Tensor]

    @classmethod
    def of(
        cls, layers: set[int], count: int, width: int, dtype: torch.dtype, device: torch.device
    ) -> "Activations":
        """An empty sheet for P sequences.

        Args:
            layers: Which decoder layers, counted from 0.
            count: P.
            width: H.
            dtype: Of the model.
            device: Where it lives.
        """
        wide = torch.promote_types(dtype, torch.float32)
        return cls({one: torch.zeros(count, width, dtype=wide, device=device) for one in sorted(layers)})

    def layers(self) -> set[int]:
        """Those that are pooled."""
        return set(self.pooled)

    def activations(self, batch: TokenBatch, layer: int, h: Tensor) -> None:
        """Pool one layer."""
        into = self.pooled[layer]
        chosen = h[own_places(batch)].to(into.dtype)
        into[batch.indices] = batch.sum_by_row(chosen * token_shares(batch, into).unsqueeze(1))


@dataclass(frozen=True)
class Projection:
    """What a pass differentiates in place of the loss: -f, where f = mean over the completion's tokens of h_l[t] . v.

    With the sign of a loss, so that whatever lowers it raises the concept.

    Attributes:
        layer: l, counted from 0.
        direction: (H,) v.
    """

    layer: int
    direction: Tensor

    def slope(self, batch: TokenBatch, h: Tensor) -> Tensor:
        """(N, H) the gradient of the sum over sequences of -f in the layer's output."""
        each = -token_shares(batch, h).unsqueeze(1) * self.direction.to(h)
        return torch.zeros_like(h).index_copy_(0, own_places(batch), each)


def own_places(batch: TokenBatch) -> Tensor:
    """(M,) where the completion tokens themselves are, one right of the places that they are predicted from."""
    return batch.loss_places + 1


def token_shares(batch: TokenBatch, like: Tensor) -> Tensor:
    """(M,) what each completion token counts in its sequence's mean; the loss's weights do not matter."""
    lengths = torch.tensor(batch.completions, device=batch.loss_rows.device)
    return lengths[batch.loss_rows].to(like.dtype).reciprocal()
