"""A model as a function of its trained weights, which are one long vector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F


@dataclass(frozen=True)
class Row:
    """A sequence of L tokens.

    Attributes:
        ids: (L,) tokens.
        weights: (L,) weight of each token's loss; 0 for those of the prompt.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def tokens(self) -> int:
        """How many tokens carry loss."""
        return sum(weight != 0 for weight in self.weights)


@dataclass(frozen=True)
class Network:
    """Trained weights w (P,) and the losses that they make.

    Attributes:
        module: The transformers or PEFT model, in evaluation mode: without dropout.
        names: Of the trained parameters.
        shapes: Of the same.
        start: (P,) their values before the training.
    """

    module: nn.Module
    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    start: Tensor

    @classmethod
    def of(cls, module: nn.Module) -> "Network":
        """Take over a model whose trained parameters require a gradient; they do not any more."""
        trained = [(name, one) for name, one in module.named_parameters() if one.requires_grad]
        start = torch.cat([one.detach().flatten() for _, one in trained])
        module.requires_grad_(False).eval()
        return cls(module, tuple(name for name, _ in trained), tuple(one.shape for _, one in trained), start)

    @property
    def size(self) -> int:
        """P, the number of trained weights."""
        return self.start.numel()

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """The vector (P,) cut into parameters."""
        pieces = torch.split(w, [shape.numel() for shape in self.shapes])
        return {
            name: piece.view(shape)
            for name, piece, shape in zip(self.names, pieces, self.shapes, strict=True)
        }

    def losses(self, w: Tensor, rows: Sequence[Row]) -> Tensor:
        """(B,) summed negative log-likelihood of each sequence's completion, in nats, differentiable in w.

        Sequences are filled up at their end, where causal attention lets no token look.
        """
        ids, weights = _stack(rows, w)
        logits: Any = functional_call(self.module, self.named(w), (ids,), {"use_cache": False}).logits
        wide = torch.promote_types(logits.dtype, torch.float32)
        each = F.cross_entropy(logits[:, :-1].flatten(0, 1).to(wide), ids[:, 1:].flatten(), reduction="none")
        return (each.view(len(rows), -1) * weights[:, 1:]).sum(1)


def _stack(rows: Sequence[Row], like: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens and weights, (B, longest)."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    weights = torch.zeros(len(rows), longest, dtype=torch.promote_types(like.dtype, torch.float32))
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        weights[i, : len(row.ids)] = torch.tensor(row.weights)
    return ids.to(like.device), weights.to(like.device)


def chunks(places: Sequence[int], size: int) -> Iterator[list[int]]:
    """Runs of at most so many."""
    for start in range(0, len(places), size):
        yield list(places[start : start + size])
