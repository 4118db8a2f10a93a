"""Attention over packed sequences: each attends to itself alone, causally, at the cost of its own length.

transformers models look their attention up by name. Ours reads where the sequences of a batch begin from the batch that
is being run; outside a batch (the model generates, or is probed) the model's own is called.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from curation.models.batches import TokenBatch, token_batch
from curation.models.encode import Encoded

NAME = "curation-packed"
# In half precision on a CPU the plain formula is faster than the fused kernel up to so many tokens, by 2.5 x at 200.
PLAIN_TOKENS = 1024
# Lengths that packing is tried on, and how far it may change the last hidden state, relative to its largest entry.
TRIED = (3, 17, 9)
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-3, torch.bfloat16: 0.1}


@dataclass(frozen=True)
class Layout:
    """Where the sequences of the running batch are; `dual` if the pass is differentiated forward."""

    batch: TokenBatch
    dual: bool


_can_pack: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()
_layout: ContextVar[Layout | None] = ContextVar("layout", default=None)


@contextmanager
def packed(batch: TokenBatch, *, dual: bool = False) -> Iterator[None]:
    """Let attention know, within the block, that the model runs this batch."""
    token = _layout.set(Layout(batch, dual))
    try:
        yield
    finally:
        _layout.reset(token)


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **settings: Any
) -> tuple[Tensor, None]:
    """The attention function that transformers calls: (1, heads, N, d) queries, keys and values -> (1, N, heads, d)."""
    layout = _layout.get()
    if layout is None:
        raise RuntimeError("packed attention was called outside a packed batch")
    scale = settings.get("scaling") or query.shape[-1] ** -0.5
    window, cap = settings.get("sliding_window"), settings.get("softcap")
    batch = layout.batch
    fused = not (layout.dual or cap or (window and window < batch.longest))
    if fused and query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        return _on_cuda(query, key, value, batch, scale), None
    parts = []
    for start, end in batch.spans:
        q, k, v = (one[:, :, start:end] for one in (query, key, value))
        short = query.dtype == torch.bfloat16 and end - start <= PLAIN_TOKENS and not query.is_cuda
        if fused and not short:
            parts.append(
                F.scaled_dot_product_attention(
                    q, k, v, is_causal=True, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
                )
            )
        else:
            parts.append(_plain(q, k, v, scale, window, cap))
    return torch.cat(parts, 2).transpose(1, 2), None


def _plain(q: Tensor, k: Tensor, v: Tensor, scale: float, window: int | None, cap: float | None) -> Tensor:
    """softmax(q k' / sqrt(d)) v, with the queries of all heads that share a key side by side."""
    heads, tokens, width = q.shape[1:]
    shared = k.shape[1]
    scores = (q.reshape(shared, -1, width) * scale) @ k[0].transpose(1, 2)
    scores = scores.view(heads, tokens, tokens)
    if cap:
        scores = cap * torch.tanh(scores / cap)
    scores = scores + _forbidden(tokens, window, scores)
    weights = scores.softmax(-1)
    mixed: Tensor = weights.view(shared, -1, tokens) @ v[0]
    return mixed.view(1, heads, tokens, v.shape[-1])


def _forbidden(tokens: int, window: int | None, like: Tensor) -> Tensor:
    """(T, T) minus infinity where a token may not look: ahead, or further back than the window."""
    far = torch.full((tokens, tokens), -torch.inf, dtype=like.dtype, device=like.device)
    ahead = far.triu(1)
    return ahead if not window or window >= tokens else ahead + far.tril(-window)


def _on_cuda(query: Tensor, key: Tensor, value: Tensor, batch: TokenBatch, scale: float) -> Tensor:
    """Variable-length flash attention over all sequences at once."""
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (one[0].transpose(0, 1).contiguous() for one in (query, key, value))
    mixed = varlen_attn(
        q,
        k,
        v,
        batch.offsets,
        batch.offsets,
        batch.longest,
        batch.longest,
        scale=scale,
        window_size=(-1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    assert isinstance(mixed, Tensor)
    return mixed.unsqueeze(0)


@contextmanager
def attention(module: nn.Module, batch: TokenBatch, *, dual: bool = False) -> Iterator[Tensor | None]:
    """Make a model ready to run a batch; gives the positions that it is to be run with, if any.

    Args:
        module: The model.
        batch: Of one sequence, if the model cannot be packed.
        dual: The pass is differentiated forward, which fused kernels do not know how to do.
    """
    if can_pack(module):
        with packed_attention(module), packed(batch, dual=dual):
            yield batch.positions
    elif dual:
        with _switched(module, "eager"):
            yield None
    else:
        yield None


def packed_attention(module: nn.Module) -> AbstractContextManager[None]:
    """Switch a model to packed attention for the block."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
    return _switched(module, NAME)


@contextmanager
def _switched(module: nn.Module, name: str) -> Iterator[None]:
    model: Any = module
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def can_pack(module: nn.Module) -> bool:
    """Whether packed sequences come out of the model as they do alone, found by trying three of them once.

    A model with a recurrent layer, an attention of its own or positions that cannot be given says no.
    """
    if module not in _can_pack:
        _can_pack[module] = _packs(module)
    return _can_pack[module]


def _packs(module: nn.Module) -> bool:
    parameter = next(module.parameters())
    generator = torch.Generator().manual_seed(0)
    model: Any = module
    vocabulary = int(model.get_input_embeddings().weight.shape[0])
    sequences = [
        Encoded(tuple(torch.randint(vocabulary, (length,), generator=generator).tolist()), 1, ())
        for length in TRIED
    ]
    batch = token_batch(sequences, range(len(TRIED))).to(parameter.device)
    try:
        with torch.no_grad():
            alone = torch.cat(
                [last_hidden(module, batch.ids[start:end], None)[0] for start, end in batch.spans]
            )
            with packed_attention(module), packed(batch):
                together = last_hidden(module, batch.ids, batch.positions)[0]
            with packed_attention(module), packed(batch, dual=True):
                plainly = last_hidden(module, batch.ids, batch.positions)[0]
    except Exception:  # whatever a model's own code may raise, it cannot be packed
        return False
    allowed = TOLERANCE.get(parameter.dtype, 0.1) * float(alone.abs().max())
    return all(float((one - alone).abs().max()) <= allowed for one in (together, plainly))


def last_hidden(module: nn.Module, ids: Tensor, positions: Tensor | None) -> Tensor:
    """(N,) token ids -> (1, N, H) what the output head would read; the head itself sees one token only."""
    hidden: list[Tensor] = []

    def keep(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden.append(args[0])
        return (args[0][:1, :1].detach(), *args[1:])

    model: Any = module
    handle = model.get_output_embeddings().register_forward_pre_hook(keep)
    places = {} if positions is None else {"position_ids": positions.unsqueeze(0)}
    try:
        model(input_ids=ids.unsqueeze(0), use_cache=False, **places)
    finally:
        handle.remove()
    return hidden[0]
