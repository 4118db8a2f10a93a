"""Products with the Gauss-Newton matrix of a sample, by one forward pass of dual numbers and a backward pass a direction."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import jacfwd, vjp, vmap

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import batches_of, hidden_states
from curation.scoring.head import LOGIT_BYTES, logits_of
from curation.scoring.influence.queries import GroupSums
from curation.scoring.influence.steps import Move, hidden_velocity
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter

# K directions: module name -> (K, d_out, d_in).
Vectors = dict[str, Tensor]


def gauss_newton_product(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    vectors: Mapping[str, Tensor],
    encoded: Sequence[Encoded],
    *,
    token_budget: int,
    reporter: Reporter | None = None,
) -> Vectors:
    """G v_k for K directions, with G = 1/P sum over P traces and their completion tokens of w^2 J' (diag(p) - p p') J.

    J is the Jacobian of a token's logits in all these layers' weights and w its loss weight, so that G is what
    EK-FAC's Lambda is of in expectation over sampled labels. A batch takes one pass forward with K tangents, one
    without, and K passes back, all in the model's precision; their sums are in float32 or better.

    Args:
        model: The model.
        modules: The layers.
        vectors: module name -> (K, d_out, d_in) v; layers that are not there stay out of G.
        encoded: The traces.
        token_budget: Tokens a batch.
        reporter: Told of the tokens, within the running stage.
    """
    reporter = reporter or Reporter()
    done = reporter.done
    moved = [module for module in modules if module.name in vectors]
    moves = [(module, _along(vectors[module.name].to(model.dtype))) for module in moved]
    count = len(next(iter(vectors.values())))

    def compute(budget: int) -> Vectors:
        reporter.reach(done)
        sums = GroupSums(torch.empty(0), {m.name: torch.zeros_like(vectors[m.name]) for m in moved})
        for batch in batches_of(model, encoded, budget):
            velocity, _ = hidden_velocity(model, moves, count, batch)
            hidden = hidden_states(model, batch, [sums], moved, backward=True)
            slopes = _slopes(model.module, hidden.detach()[batch.loss_places], velocity, batch.weights)
            for k, slope in enumerate(slopes):
                sums.weights = torch.eye(len(slopes))[k].expand(len(encoded), -1)
                gradient = torch.zeros_like(hidden).index_copy_(0, batch.loss_places, slope)
                hidden.backward(gradient, retain_graph=k + 1 < len(slopes))  # type: ignore[no-untyped-call]
            reporter.advance(batch.tokens, batch.tokens)
        return sums.raw

    return {name: one.div_(len(encoded)) for name, one in within_memory(compute, token_budget).items()}


def _along(directions: Tensor) -> Move:
    """What (K, d_out, d_in) directions add to a layer's output."""

    def move(a: Tensor, amounts: Tensor) -> Tensor:
        each = a @ directions.flatten(0, 1).T
        return amounts @ each.view(*each.shape[:-1], *directions.shape[:2])

    return move


@torch.no_grad()
def _slopes(module: nn.Module, hidden: Tensor, velocity: Tensor, weights: Tensor) -> Tensor:
    """(M, H), (M, H, K), (M,) -> (K, M, H) w^2 J' (diag(p) - p p') J velocity, J of the logits in the hidden state.

    The logits come from the model's own code where it does more to them than its head does.
    """
    head: Any = module.get_output_embeddings()  # type: ignore[operator]

    def of_rows(states: Tensor, moving: Tensor, weight: Tensor) -> Tensor:
        logits, pull, *_ = vjp(lambda rows: logits_of(module, rows), states)
        moved = jacfwd(lambda amounts: logits_of(module, states + moving @ amounts))(
            moving.new_zeros(moving.shape[2])
        )
        p = logits.softmax(1).unsqueeze(2)
        turned = p * (moved - (p * moved).sum(1, keepdim=True)) * weight.to(p).square().view(-1, 1, 1)
        slopes: Tensor = vmap(pull)(turned.permute(2, 0, 1))[0]
        return slopes

    rows = max(1, LOGIT_BYTES // (4 * int(head.weight.shape[0]) * (1 + velocity.shape[2])))
    parts = zip(*(torch.split(each, rows) for each in (hidden, velocity, weights)), strict=True)
    return torch.cat([of_rows(*part) for part in parts], 1)
