"""What learning each token does: influence split by loss token (METHODS 2, "Which step?")."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import forward


def influence_by_token(
    model: LanguageModel, modules: list[LinearModule], directions: dict[str, Tensor], batch: TokenBatch
) -> Tensor:
    """The derivative of each completion token's loss along each direction, by forward-mode differentiation.

    A trace's values add up to its influence, and masking a token from the loss takes exactly its value away.

    Args:
        model: The model, in eager attention (`eager_attention`), which alone has a forward-mode rule.
        modules: The layers that the directions move.
        directions: module name -> (K, d_out, d_in).
        batch: N completion tokens; their loss weights are not applied.

    Returns:
        (N, K) float64.
    """
    count = next(iter(directions.values())).shape[0]
    with torch.no_grad():
        columns = [_along(model, modules, directions, batch, k).double() for k in range(count)]
    return torch.stack(columns, 1)


def _along(
    model: LanguageModel,
    modules: list[LinearModule],
    directions: dict[str, Tensor],
    batch: TokenBatch,
    k: int,
) -> Tensor:
    """(N,) derivative along direction k."""
    with forward_ad.dual_level():
        moved: dict[str, Any] = {}
        for linear in modules:
            weight: Tensor = linear.module.weight  # type: ignore[assignment]
            tangent = directions[linear.name][k].to(weight.dtype)
            tangent = tangent.T.contiguous() if linear.transposed else tangent
            moved[f"{linear.name}.weight"] = forward_ad.make_dual(weight.detach(), tangent)  # type: ignore[no-untyped-call]
        nll = functional_call(
            _Nll(model.module), {f"module.{name}": dual for name, dual in moved.items()}, (batch,)
        )
        tangent = forward_ad.unpack_dual(nll).tangent  # type: ignore[no-untyped-call]
        return torch.zeros_like(nll) if tangent is None else tangent


class _Nll(torch.nn.Module):
    """The forward pass as a module of its own, so that its weights can be swapped for dual ones."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: TokenBatch) -> Tensor:
        return forward(self.module, batch).nll


@contextmanager
def eager_attention(model: LanguageModel) -> Iterator[None]:
    """Switch the model to eager attention for the block."""
    module: Any = model.module
    before = module.config._attn_implementation
    module.set_attn_implementation("eager")
    try:
        yield
    finally:
        module.set_attn_implementation(before)
