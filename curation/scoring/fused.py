"""The fused pass: one forward and one activation backward over a batch, read by every collector at once."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from curation.models.attention import attention, can_pack, last_hidden
from curation.models.batches import TokenBatch, token_batches
from curation.models.decoder import layers_seen
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.collector import Collector, Forward, Objective
from curation.scoring.head import token_losses


def fused_pass(
    model: LanguageModel,
    batch: TokenBatch,
    collectors: Sequence[Collector],
    modules: Sequence[LinearModule] = (),
    *,
    sampled_labels: Tensor | None = None,
    objective: Objective | None = None,
) -> Forward:
    """Run one batch forward, and backward to activations if a collector asks for gradients.

    The loss is the weighted sum of the cross-entropy of completion tokens, so rows do not touch each other.
    Prompt tokens carry no loss but do carry gradient: they are in every per-trace gradient. Weights are frozen
    and the graph is rooted at the embedding's output, so no weight gradient is ever made.

    Args:
        model: The frozen model.
        batch: On the model's device.
        collectors: Called in order.
        modules: The layers whose inputs and gradients are asked for.
        sampled_labels: (M,) uniform numbers; labels are drawn from the model with them, in place of the targets.
        objective: Differentiated in place of the loss; layers above its own see no gradient.
    """
    backward = any(one.goes_backward() for one in collectors)
    seen_by = [] if objective is None else [objective.layer]
    hidden, outputs = hidden_and_outputs(model, batch, collectors, modules, backward=backward, layers=seen_by)
    losses = token_losses(
        model.module,
        hidden.detach()[batch.loss_places],
        batch.targets,
        uniform=sampled_labels,
        slopes=(backward and objective is None) or any(one.reads_slopes for one in collectors),
    )
    if objective is not None and backward:
        output = outputs[objective.layer]
        output.backward(objective.slope(batch, output.detach()))  # type: ignore[no-untyped-call]
    elif backward and losses.slope is not None:
        weighted = losses.slope * batch.weights.to(losses.slope.dtype).unsqueeze(1)
        hidden.backward(torch.zeros_like(hidden).index_copy_(0, batch.loss_places, weighted))  # type: ignore[no-untyped-call]
    seen = Forward(batch, hidden.detach(), losses.nll, losses.rank, losses.slope)
    with torch.no_grad():
        for collector in collectors:
            collector.forward(seen)
    return seen


def hidden_states(
    model: LanguageModel,
    batch: TokenBatch,
    collectors: Sequence[Collector],
    modules: Sequence[LinearModule],
    *,
    backward: bool,
) -> Tensor:
    """(N, H) what the output head reads, with the graph for a backward pass that the collectors will see.

    The graph is rooted at the embedding's output, so that no weight gradient is ever made.
    """
    return hidden_and_outputs(model, batch, collectors, modules, backward=backward)[0]


def hidden_and_outputs(
    model: LanguageModel,
    batch: TokenBatch,
    collectors: Sequence[Collector],
    modules: Sequence[LinearModule],
    *,
    backward: bool,
    layers: Sequence[int] = (),
) -> tuple[Tensor, dict[int, Tensor]]:
    """The same, and the (N, H) outputs of some decoder layers with their graph."""
    outputs: dict[int, Tensor] = {}
    wanted = set(layers).union(*(one.layers() for one in collectors))

    def see(layer: int, h: Tensor) -> None:
        if layer in layers:
            outputs[layer] = h
        for collector in collectors:
            if layer in collector.layers():
                collector.activations(batch, layer, h.detach())

    with ExitStack() as stack:
        stack.enter_context(torch.set_grad_enabled(backward))
        stack.enter_context(layers_seen(model.module, wanted, see))
        if backward:
            stack.enter_context(_rooted_at_embedding(model.module, batch, collectors))
            for module in modules:
                stack.enter_context(_watched(module, batch, collectors))
        positions = stack.enter_context(attention(model.module, batch))
        return last_hidden(model.module, batch.ids, positions)[0], outputs


def batches_of(model: LanguageModel, encoded: Sequence[Encoded], token_budget: int) -> Iterator[TokenBatch]:
    """All sequences as batches that the model can run, shortest first."""
    return token_batches(encoded, token_budget, model.device, alone=not can_pack(model.module))


@contextmanager
def _rooted_at_embedding(
    module: nn.Module, batch: TokenBatch, collectors: Sequence[Collector]
) -> Iterator[None]:
    """Begin the graph at the embedding's output, or at what the collectors make of it, and show them its gradient."""

    def on_forward(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        for collector in collectors:
            if type(collector).embedding is not Collector.embedding:
                output = collector.embedding(batch, output[0].detach()).unsqueeze(0).detach()
        output.requires_grad_(True)
        for collector in collectors:
            if type(collector).embedding_gradient is not Collector.embedding_gradient:
                output.register_hook(partial(on_backward, collector))  # type: ignore[no-untyped-call]
        return output

    def on_backward(collector: Collector, gradient: Tensor) -> None:
        with torch.no_grad():
            collector.embedding_gradient(batch, gradient[0])

    embedding: Any = module.get_input_embeddings()  # type: ignore[operator]
    handle = embedding.register_forward_hook(on_forward)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _watched(module: LinearModule, batch: TokenBatch, collectors: Sequence[Collector]) -> Iterator[None]:
    """Show a layer's input and output gradient to the collectors; between the two only what they keep stays."""

    def on_forward(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        if not output.requires_grad:
            return
        with torch.no_grad():
            kept = [collector.input(batch, module, args[0][0].detach()) for collector in collectors]
        output.register_hook(lambda gradient: on_backward(gradient[0], kept))  # type: ignore[no-untyped-call]

    def on_backward(gradient: Tensor, kept: list[Tensor | None]) -> None:
        with torch.no_grad():
            for collector, mine in zip(collectors, kept, strict=True):
                collector.output(batch, module, mine, gradient)

    handle = module.module.register_forward_hook(on_forward)
    try:
        yield
    finally:
        handle.remove()
