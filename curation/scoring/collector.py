"""What reads along in the fused pass, and what a pass may differentiate in place of the loss."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule


@dataclass(frozen=True)
class Forward:
    """What the forward pass of a batch of N tokens, M of them completion, showed.

    Attributes:
        batch: The batch.
        hidden: (N, H) last hidden state, as the output head reads it.
        nll: (M,) negative log-likelihood of each completion token, in nats, in float32 (or float64).
        rank: (M,) rank of each completion token among the vocabulary, 1 at the top.
        slope: (M, H) gradient of each completion token's loss in the hidden state that predicts it; None unless a
            collector reads it or the pass goes backward.
    """

    batch: TokenBatch
    hidden: Tensor
    nll: Tensor
    rank: Tensor
    slope: Tensor | None = None


class Collector:
    """Reads what flows by in the fused pass. A collector overrides the methods for what it wants to read.

    Attributes:
        reads_slopes: Whether it wants `Forward.slope`, which costs nothing where the pass goes backward anyway.
    """

    reads_slopes = False

    def embedding(self, batch: TokenBatch, e: Tensor) -> Tensor:
        """Called with the (N, H) output of the embedding; the model goes on with what is given back."""
        return e

    def embedding_gradient(self, batch: TokenBatch, g: Tensor) -> None:
        """Called in the backward pass with the (N, H) gradient of the summed loss in what the model went on with."""

    def forward(self, seen: Forward) -> None:
        """Called once a batch, after the forward pass."""

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Called in the forward pass with each module's (N, d_in) input; what is given back is kept for `output`.

        Nothing else of the input stays in memory: keep what is small.
        """
        return None

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Called in the backward pass with each module's (N, d_out) gradient of the summed loss."""

    def layers(self) -> set[int]:
        """Decoder layers, counted from 0, whose outputs it wants to see."""
        return set()

    def activations(self, batch: TokenBatch, layer: int, h: Tensor) -> None:
        """Called in the forward pass with the (N, H) output of each decoder layer that it wants to see."""

    @classmethod
    def goes_backward(cls) -> bool:
        """Whether this collector needs the backward pass."""
        return (
            cls.output is not Collector.output or cls.embedding_gradient is not Collector.embedding_gradient
        )


class Objective(Protocol):
    """What a pass differentiates in place of the loss: a function of one decoder layer's output."""

    @property
    def layer(self) -> int:
        """Which decoder layer, counted from 0."""

    def slope(self, batch: TokenBatch, h: Tensor) -> Tensor:
        """(N, H) the gradient in that layer's output h, summed over sequences."""


class OncePerInput:
    """Remembers what was made of the last input, for the layers that read the same one (q, k, v; gate, up)."""

    def __init__(self) -> None:
        self._batch: TokenBatch | None = None
        self._name = ""
        self._made: Tensor | None = None

    def has(self, batch: TokenBatch, module: LinearModule) -> bool:
        """Whether the last input was this module's."""
        return self._batch is batch and self._name == module.shares_input

    def keep(self, batch: TokenBatch, module: LinearModule, made: Tensor) -> Tensor:
        """Remember what was made of this module's input."""
        self._batch, self._name, self._made = batch, module.shares_input, made
        return made

    @property
    def made(self) -> Tensor:
        """What was made of it."""
        assert self._made is not None
        return self._made
