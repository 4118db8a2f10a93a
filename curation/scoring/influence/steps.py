"""What learning each token does: influence split by loss token (METHODS 2, "Which step?")."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

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
        directions: Of K groups and concepts.
        batch: M completion tokens; their loss weights are not applied.

    Returns:
        (M, K) float64.
    """
    k = len(directions.scores)

    def along(name: str) -> Move:
        space, core = directions.spaces[name], directions.cores[name][:k].to(model.dtype)
        u, v = space.u.to(model.dtype), space.v.to(model.dtype)
        return lambda a, amounts: ((a @ v) @ torch.einsum("k,ksa->as", amounts, core)) @ u.T

    moves = [(module, along(module.name)) for module in modules if module.name in directions.spaces]
    velocity, hidden = hidden_velocity(model, moves, k, batch)
    slope = token_losses(model.module, hidden, batch.targets, slopes=True).slope
    assert slope is not None
    return torch.einsum("mhk,mh->mk", velocity.double(), slope.double())


# What (N, d_in) inputs and (K,) amounts of K directions add to a layer's (N, d_out) output.
Move = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def hidden_velocity(
    model: LanguageModel, moves: Sequence[tuple[LinearModule, Move]], count: int, batch: TokenBatch
) -> tuple[Tensor, Tensor]:
    """How fast the last hidden states move as the layers' weights begin to move in K directions, all at once.

    Args:
        model: The model.
        moves: Layers and what their directions add; linear in the amounts.
        count: K.
        batch: M completion tokens.

    Returns:
        (M, H, K) velocities and (M, H) hidden states from which the completion tokens are predicted.
    """

    def moved(amounts: Tensor) -> tuple[Tensor, Tensor]:
        with ExitStack() as stack:
            for module, move in moves:
                # As the amounts are zero, the input's own velocity does not matter to what is added.
                hook = partial(_add, move, amounts)
                stack.enter_context(module.module.register_forward_hook(hook))
            positions = stack.enter_context(attention(model.module, batch, dual=True))
            hidden = last_hidden(model.module, batch.ids, positions)[0, batch.loss_places]
        return hidden, hidden

    velocity, hidden = jacfwd(moved, has_aux=True)(torch.zeros(count, dtype=model.dtype, device=model.device))
    return velocity, hidden


def _add(move: Move, amounts: Tensor, _: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output + move(args[0].detach(), amounts)
