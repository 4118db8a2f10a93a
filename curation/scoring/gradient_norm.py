"""The norm of a trace's gradient, over all attributed layers."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.collector import Collector, OncePerInput


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
        """Keep the products of the inputs where they are what is cheaper, else the inputs."""
        if not _ghost(batch.longest, module):
            return a
        if self._shared.has(batch, module):
            return self._shared.made
        return self._shared.keep(batch, module, _products(batch, a))

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add one module's squares."""
        assert kept is not None
        if _ghost(batch.longest, module):
            squares = _sums(batch, kept * _products(batch, g))
        elif _side_by_side(g):
            gradients = batch.rows(g).transpose(1, 2) @ batch.rows(kept)
            squares = gradients.square_().sum((1, 2), dtype=_wide(gradients))
        else:
            each = ((g[start:end].T @ kept[start:end]).square_() for start, end in batch.spans)
            squares = torch.stack([one.sum(dtype=_wide(one)) for one in each])
        self.squares.index_add_(0, batch.indices, squares.double().clamp(min=0))

    @property
    def norm(self) -> Tensor:
        """(P,) the score."""
        return self.squares.sqrt()


def _ghost(tokens: int, module: LinearModule) -> bool:
    """Whether T^2 (d_in + d_out) multiplications are fewer than T d_in d_out."""
    return tokens * (module.d_in + module.d_out) < module.size


def _side_by_side(x: Tensor) -> bool:
    """Whether sequences are worked on padded, all at once: what a GPU likes, where a CPU would rather not copy."""
    return x.is_cuda


def _products(batch: TokenBatch, x: Tensor) -> Tensor:
    """(N, d) -> x_t . x_u for the tokens t, u of each sequence, the (T, T) of one after another flattened."""
    if _side_by_side(x):
        rows = batch.rows(x)
        return (rows @ rows.transpose(1, 2)).flatten()
    return torch.cat([(x[start:end] @ x[start:end].T).flatten() for start, end in batch.spans])


def _sums(batch: TokenBatch, products: Tensor) -> Tensor:
    """What `_products` made, summed by sequence: (B,)."""
    if _side_by_side(products):
        return products.view(len(batch.lengths), -1).sum(1, dtype=_wide(products))
    parts = torch.split(products, [length**2 for length in batch.lengths])
    return torch.stack([part.sum(dtype=_wide(part)) for part in parts])


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
