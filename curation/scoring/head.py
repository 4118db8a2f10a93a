"""The output head and its loss, at completion tokens only and some rows at a time: (N, V) logits never exist whole."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

# Logits are formed for so many rows at a time that they stay below this.
LOGIT_BYTES = 64 * 2**20

_plain: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Losses:
    """What the head says of N completion tokens.

    Attributes:
        nll: (N,) negative log-likelihood of each target, in nats, in float32 or better.
        rank: (N,) rank of each target among the vocabulary; 1 is the token that the model prefers to all others.
        slope: (N, H) gradient of each token's nll in its own hidden state; None if it was not asked for.
    """

    nll: Tensor
    rank: Tensor
    slope: Tensor | None


def token_losses(
    module: nn.Module, hidden: Tensor, targets: Tensor, *, uniform: Tensor | None = None, slopes: bool = False
) -> Losses:
    """Cross-entropy, ranks and slopes of hidden states, a chunk of rows at a time.

    Args:
        module: The whole model; whatever it does to the head's logits (soft caps, scales) is done here too.
        hidden: (N, H) last hidden states from which the targets are predicted.
        targets: (N,) token ids.
        uniform: (N,) numbers in [0, 1); targets are drawn from the model with them, in place of the given ones.
        slopes: Whether gradients are wanted.
    """
    head: Any = module.get_output_embeddings()  # type: ignore[operator]
    rows = max(1, LOGIT_BYTES // (4 * int(head.weight.shape[0])))
    chunk = _plain_chunk if head_is_plain(module) else _any_chunk
    parts = []
    for start in range(0, len(hidden), rows):
        part = slice(start, start + rows)
        numbers = None if uniform is None else uniform[part]
        parts.append(chunk(module, hidden[part].detach(), targets[part], numbers, slopes))
    return Losses(
        torch.cat([part.nll for part in parts]),
        torch.cat([part.rank for part in parts]),
        torch.cat([part.slope for part in parts if part.slope is not None]) if slopes else None,
    )


def head_is_plain(module: nn.Module) -> bool:
    """Whether the model's logits are its head's output and nothing more, found by trying three tokens."""
    if module not in _plain:
        with torch.no_grad():
            device = next(module.parameters()).device
            seen, logits = _run(module, torch.arange(3, device=device).unsqueeze(0))
            head: Any = module.get_output_embeddings()  # type: ignore[operator]
            _plain[module] = isinstance(head, nn.Linear) and torch.equal(head(seen), logits)
    return _plain[module]


def _run(module: nn.Module, ids: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Hidden states and logits of a pass; the head reads `hidden` in place of its own input, if given."""
    seen: list[Tensor] = []

    def before(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen.append(args[0])
        return (args[0] if hidden is None else hidden, *args[1:])

    head: Any = module.get_output_embeddings()  # type: ignore[operator]
    handle = head.register_forward_pre_hook(before)
    try:
        logits = module(input_ids=ids, use_cache=False).logits
    finally:
        handle.remove()
    return seen[0], logits


def logits_of(module: nn.Module, hidden: Tensor) -> Tensor:
    """(N, H) hidden states -> (N, V) logits in float32 or better, through the model's own code where it is needed."""
    if head_is_plain(module):
        head: Any = module.get_output_embeddings()  # type: ignore[operator]
        return _at_least_float32(head(hidden))
    one = torch.zeros(1, 1, dtype=torch.long, device=hidden.device)
    return _at_least_float32(_run(module, one, hidden.unsqueeze(0))[1].squeeze(0))


def _plain_chunk(
    module: nn.Module, hidden: Tensor, targets: Tensor, uniform: Tensor | None, slopes: bool
) -> Losses:
    head: Any = module.get_output_embeddings()  # type: ignore[operator]
    with torch.no_grad():
        logits = logits_of(module, hidden)
        targets = targets if uniform is None else draw(logits, uniform)
        chosen = logits.gather(1, targets.unsqueeze(1))
        rank = (logits > chosen).sum(1) + 1
        total = logits.logsumexp(1, keepdim=True)
        slope = None
        if slopes:
            probability = logits.sub_(total).exp_()
            probability.scatter_add_(1, targets.unsqueeze(1), -torch.ones_like(chosen))
            slope = probability.to(head.weight.dtype) @ head.weight
        return Losses((total - chosen).squeeze(1), rank, slope)


def _any_chunk(
    module: nn.Module, hidden: Tensor, targets: Tensor, uniform: Tensor | None, slopes: bool
) -> Losses:
    """The same through the model's own code, which may do more to the logits than the head does."""
    with torch.set_grad_enabled(slopes):
        hidden = hidden.requires_grad_(slopes)
        logits = logits_of(module, hidden)
        targets = targets if uniform is None else draw(logits.detach(), uniform)
        nll = nn.functional.cross_entropy(logits, targets, reduction="none")
        rank = (logits > logits.gather(1, targets.unsqueeze(1))).sum(1) + 1
        slope = torch.autograd.grad(nll.sum(), hidden)[0] if slopes else None
    return Losses(nll.detach(), rank, slope)


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw one label a row by inverting the cumulative distribution: (N, V), (N,) numbers in [0, 1) -> (N,)."""
    cumulative = logits.double().softmax(-1).cumsum(-1)
    drawn = torch.searchsorted(cumulative, uniform.double().unsqueeze(-1)).squeeze(-1)
    return drawn.clamp(max=logits.shape[-1] - 1)
