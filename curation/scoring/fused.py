"""The fused pass: one forward and one activation backward over a batch, read by every collector at once."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel

# One module's per-trace gradients are formed for so many rows at a time that they stay below this.
GRADIENT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Forward:
    """What the forward pass of a batch of B sequences with N completion tokens showed.

    Attributes:
        batch: The batch.
        hidden: (B, T, H) last hidden state, as the output head reads it.
        logits: (N, V) float32 (or float64) logits at completion tokens only.
        nll: (N,) negative log-likelihood of each completion token, in nats, at the logits' precision.
    """

    batch: TokenBatch
    hidden: Tensor
    logits: Tensor
    nll: Tensor


class Collector:
    """Reads what flows by in the fused pass. A collector overrides the methods for what it wants to read."""

    def forward(self, seen: Forward) -> None:
        """Called once a batch, after the forward pass."""

    def activations(self, batch: TokenBatch, module: LinearModule, a: Tensor, g: Tensor) -> None:
        """Called for each module with its (B, T, d_in) input and (B, T, d_out) gradient of the summed loss."""

    def gradient(self, batch: TokenBatch, rows: slice, module: LinearModule, gradient: Tensor) -> None:
        """Called for each module with (R, d_out, d_in) gradients of the summed loss of some rows of the batch."""

    @classmethod
    def reads_activations(cls) -> bool:
        """Whether this collector wants `activations`."""
        return cls.activations is not Collector.activations

    @classmethod
    def reads_gradients(cls) -> bool:
        """Whether this collector wants `gradient`."""
        return cls.gradient is not Collector.gradient


def fused_pass(
    model: LanguageModel,
    batch: TokenBatch,
    collectors: Sequence[Collector],
    modules: Sequence[LinearModule] = (),
    *,
    sampled_labels: Tensor | None = None,
) -> Forward:
    """Run one batch forward, and backward to activations if a collector asks for gradients.

    The loss is the weighted sum of the cross-entropy of completion tokens, so rows do not touch each other.
    Prompt tokens carry no loss but do carry gradient: they are in every per-trace gradient. Weights are frozen
    and the graph is rooted at the embedding's output, so no weight gradient is ever made.

    Args:
        model: The frozen model.
        batch: B sequences on the model's device.
        collectors: Called in order.
        modules: The layers whose gradients are asked for.
        sampled_labels: (N,) uniform numbers; labels are drawn from the model with them, in place of the targets.
    """
    backward = any(one.reads_activations() or one.reads_gradients() for one in collectors)
    with ExitStack() as stack:
        if backward:
            stack.enter_context(torch.enable_grad())
            stack.enter_context(_rooted_at_embedding(model.module))
            for module in modules:
                stack.enter_context(_captured(module, partial(_hand_out, batch, collectors, module)))
        else:
            stack.enter_context(torch.no_grad())
        seen = forward(model.module, batch, sampled_labels=sampled_labels)
        if backward:
            (seen.nll * batch.weights.to(seen.nll.dtype)).sum().backward()  # type: ignore[no-untyped-call]
    seen = Forward(batch, seen.hidden.detach(), seen.logits.detach(), seen.nll.detach())
    with torch.no_grad():
        for collector in collectors:
            collector.forward(seen)
    return seen


def forward(module: nn.Module, batch: TokenBatch, *, sampled_labels: Tensor | None = None) -> Forward:
    """The forward pass alone: the output head runs at completion tokens only, cross-entropy in float32 or better."""
    hidden: list[Tensor] = []

    def only_where_the_loss_is(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden.append(args[0])
        return (args[0][batch.loss_rows, batch.loss_columns].unsqueeze(0), *args[1:])

    head: Any = module.get_output_embeddings()  # type: ignore[operator]
    handle = head.register_forward_pre_hook(only_where_the_loss_is)
    try:
        logits = module(input_ids=batch.ids, use_cache=False).logits.squeeze(0)
    finally:
        handle.remove()
    logits = logits if logits.dtype == torch.float64 else logits.float()
    targets = batch.targets if sampled_labels is None else _sample(logits.detach(), sampled_labels)
    nll = nn.functional.cross_entropy(logits, targets, reduction="none")
    return Forward(batch, hidden[0], logits, nll)


def _sample(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw one label a row by inverting the cumulative distribution: (N, V), (N,) -> (N,)."""
    cumulative = logits.double().softmax(-1).cumsum(-1)
    drawn = torch.searchsorted(cumulative, uniform.double().unsqueeze(-1)).squeeze(-1)
    return drawn.clamp(max=logits.shape[-1] - 1)


@contextmanager
def _rooted_at_embedding(module: nn.Module) -> Iterator[None]:
    embedding: Any = module.get_input_embeddings()  # type: ignore[operator]
    handle = embedding.register_forward_hook(lambda _, __, output: output.requires_grad_(True))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _captured(module: LinearModule, use: Any) -> Iterator[None]:
    """Call use(a, g) in the backward pass with the layer's (B, T, d_in) input and (B, T, d_out) output gradient."""

    def on_forward(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        if output.requires_grad:
            activation = args[0].detach()
            output.register_hook(lambda gradient: use(activation, gradient))  # type: ignore[no-untyped-call]

    handle = module.module.register_forward_hook(on_forward)
    try:
        yield
    finally:
        handle.remove()


def _hand_out(
    batch: TokenBatch, collectors: Sequence[Collector], module: LinearModule, a: Tensor, g: Tensor
) -> None:
    """Form one module's per-trace gradients G = sum_t g_t a_t', some rows at a time, and show them around."""
    with torch.no_grad():
        for collector in collectors:
            collector.activations(batch, module, a, g)
        wanting = [collector for collector in collectors if collector.reads_gradients()]
        step = max(1, GRADIENT_BYTES // (module.size * 4))
        for start in range(0, len(a) if wanting else 0, step):
            rows = slice(start, min(start + step, len(a)))
            gradient = torch.bmm(g[rows].to(a.dtype).transpose(1, 2), a[rows])
            gradient = gradient if gradient.dtype == torch.float64 else gradient.float()
            for collector in wanting:
                collector.gradient(batch, rows, module, gradient)
