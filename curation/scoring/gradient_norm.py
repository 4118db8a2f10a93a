"""The norm of a trace's gradient, over all attributed layers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.fused import Collector


@dataclass
class GradientNorm(Collector):
    """Collects ||G||, the Frobenius norm of the gradient of a trace's summed loss.

    Attributes:
        squares: (P,) float64 on the model's device.
    """

    squares: Tensor

    @classmethod
    def of(cls, count: int, device: torch.device) -> "GradientNorm":
        """An empty sheet for P sequences."""
        return cls(torch.zeros(count, dtype=torch.float64, device=device))

    def gradient(self, batch: TokenBatch, rows: slice, module: LinearModule, gradient: Tensor) -> None:
        """Add one module's squares."""
        self.squares.index_add_(0, batch.indices[rows], gradient.square().sum((1, 2)).double())

    @property
    def norm(self) -> Tensor:
        """(P,) the score."""
        return self.squares.sqrt()
