"""The norm of a trace's gradient, over all attributed layers."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.fused import Collector, OncePerInput


@dataclass
class GradientNorm(Collector):
    """Collects ||G||, the Frobenius norm of the gradient of a trace's summed loss, G = sum_t g_t a_t'.

    Short traces take the ghost trick, ||G||^2 = sum_tu (a_t.a_u)(g_t.g_u), which never forms G; long ones form it.

    Attributes:
        squares: (P,) float64 on the model's device.
    """

    squares: Tensor
    _shared: OncePerInput = field(default_factory=OncePerInput)

    @classmethod
    def of(cls, count: int, device: torch.device) -> "GradientNorm":
        """An empty sheet for P sequences."""
        return cls(torch.zeros(count, dtype=torch.float64, device=device))

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor:
        """Keep the (B, T, T) products of the inputs where they are what is cheaper, else the inputs."""
        if not _ghost(batch.longest, module):
            return a
        if self._shared.has(batch, module):
            return self._shared.made
        rows = batch.rows(a)
        return self._shared.keep(batch, module, rows @ rows.transpose(1, 2))

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add one module's squares."""
        assert kept is not None
        rows = batch.rows(g)
        if _ghost(batch.longest, module):
            products = kept * (rows @ rows.transpose(1, 2))
            squares = products.sum((1, 2), dtype=_at_least_float32(products))
        else:
            gradients = rows.transpose(1, 2) @ batch.rows(kept)
            squares = gradients.to(_at_least_float32(gradients)).square().sum((1, 2))
        self.squares.index_add_(0, batch.indices, squares.double().clamp(min=0))

    @property
    def norm(self) -> Tensor:
        """(P,) the score."""
        return self.squares.sqrt()


def _ghost(tokens: int, module: LinearModule) -> bool:
    """Whether T^2 (d_in + d_out) multiplications are fewer than T d_in d_out."""
    return tokens * (module.d_in + module.d_out) < module.size


def _at_least_float32(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)
