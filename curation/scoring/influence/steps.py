"""What learning each token does: influence split by loss token (METHODS 2, "Which step?")."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.func import jacfwd

from curation.models.attention import attention, last_hidden
from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.head import token_losses
from curation.scoring.influence.directions import Directions


def influence_by_token(
    model: LanguageModel, modules: Sequence[LinearModule], directions: Directions, batch: TokenBatch
) -> Tensor:
    """The derivative of each completion token's loss along the groups' directions, by forward-mode differentiation.

    The last hidden state is differentiated along all of them at once, so that the model itself runs once; a token's
    loss moves by its slope in its own hidden state. A trace's values add up to its influence, and masking a token from
    the loss takes exactly its value away.

    Args:
        model: The model.
        modules: The layers that the directions move.
        directions: Of K groups.
        batch: M completion tokens; their loss weights are not applied.

    Returns:
        (M, K) float64.
    """

    def moved(amounts: Tensor) -> tuple[Tensor, Tensor]:
        with ExitStack() as stack:
            for module in modules:
                if module.name in directions.spaces:
                    stack.enter_context(_moved(module, directions, amounts))
            positions = stack.enter_context(attention(model.module, batch, dual=True))
            hidden = last_hidden(model.module, batch.ids, positions)[0, batch.loss_places]
        return hidden, hidden

    with torch.no_grad():
        amounts = torch.zeros(len(directions.groups), dtype=model.dtype, device=model.device)
        velocity, hidden = jacfwd(moved, has_aux=True)(amounts)
        slope = token_losses(model.module, hidden, batch.targets, slopes=True).slope
        assert slope is not None
        return torch.einsum("mhk,mh->mk", velocity.double(), slope.double())


@contextmanager
def _moved(module: LinearModule, directions: Directions, amounts: Tensor) -> Iterator[None]:
    """Add sum_k amount_k u core_k v' a to a layer's output."""
    space = directions.spaces[module.name]
    cores = directions.cores[module.name][: len(amounts)].to(amounts.dtype)
    u, v = space.u.to(amounts.dtype), space.v.to(amounts.dtype)

    def on_forward(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        core = torch.einsum("k,ksa->sa", amounts, cores)
        return output + ((args[0] @ v) @ core.T) @ u.T

    handle = module.module.register_forward_hook(on_forward)
    try:
        yield
    finally:
        handle.remove()

