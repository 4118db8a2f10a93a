"""Refining the groups' directions beyond EK-FAC: preconditioned conjugate gradients on the true Gauss-Newton matrix.

ASTRA (2507.14740) lowers the error that EK-FAC makes in (G + D)^-1 b by iterations that EK-FAC preconditions. Its own
are stochastic Neumann steps on minibatches; ours are conjugate gradients on one fixed sample of traces: there are few
right-hand sides, so that all of them move at once, and the same input gives the same directions.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import jacfwd, vjp, vmap

from curation.models.attention import attention, last_hidden
from curation.models.batches import TokenBatch
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import _rooted_at_embedding, _watched, batches_of
from curation.scoring.head import LOGIT_BYTES, _at_least_float32, _run, head_is_plain
from curation.scoring.influence.factors import Basis, Factors
from curation.scoring.influence.queries import GroupSums
from curation.scoring.memory import within_memory
from curation.scoring.progress import Reporter

Vectors = dict[str, Tensor]


@dataclass(frozen=True)
class Refinement:
    """How directions are refined.

    Attributes:
        iterations: The most steps; one Gauss-Newton product more than that is made.
        tolerance: Relative residual, the largest of any group, at which they end early.
        traces: So many of the sample's first traces make up G.
    """

    iterations: int = 8
    tolerance: float = 0.01
    traces: int = 32


def refine(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    gradients: Mapping[str, Tensor],
    load: Callable[[LinearModule], Factors],
    encoded: Sequence[Encoded],
    *,
    damping: float,
    settings: Refinement,
    token_budget: int,
    reporter: Reporter | None = None,
) -> tuple[Vectors, list[float]]:
    """Solve (G + D) q_k = b_k for K groups over all layers jointly, from q = P b with P for preconditioner.

    P = Q [1 / (Lambda + lambda)] Q' is EK-FAC's inverse and D its lambda, layer by layer. Up to rounding, no step
    raises the error in the norm of G + D. Memory: four sets of K vectors of all these layers' weights, beside the
    gradients (q, r, p, and one of (G + D) p and P r), and the factors of one layer, loaded once an iteration.

    Args:
        model: The reference model.
        modules: The layers that are solved for together; G's blocks between them count, those with others do not.
        gradients: module name -> (K, d_out, d_in) b, float32 or better; a layer that is not there has none.
        load: Reads the factors of a layer.
        encoded: The sample that G is taken over; its labels do not matter.
        damping: lambda in units of each layer's mean eigenvalue.
        settings: How many steps.
        token_budget: Tokens a batch.
        reporter: Told of one stage.

    Returns:
        module name -> (K, d_out, d_in) q, with b's sign; zeros where all eigenvalues of a layer are. And the relative
        residuals sqrt(r' P r / b' P b), the largest of any group, at the start and after each step: estimates of the
        relative error in the norm of G + D, as good as P is near its inverse; unlike the error, they may rise.
    """
    reporter = reporter or Reporter()
    sample = encoded[: settings.traces]
    reporter.start("refinement", (1 + settings.iterations) * sum(len(one) for one in sample))
    like = next(iter(gradients.values()))
    q = {m.name: like.new_zeros(len(like), m.d_out, m.d_in) for m in modules}
    damped = {m.name: damping * float(load(m).eigenvalues.mean()) for m in modules}
    curved = [m for m in modules if damped[m.name] > 0]

    def applied(vectors: Vectors) -> Vectors:
        out = gauss_newton_product(
            model, curved, vectors, sample, token_budget=token_budget, reporter=reporter
        )
        return {name: one.add_(vectors[name], alpha=damped[name]) for name, one in out.items()}

    def preconditioned(vectors: Vectors) -> Vectors:
        return {m.name: precondition(vectors[m.name], load(m), damping) for m in curved}

    if not curved:
        reporter.finish()
        return q, [0.0]
    r = {m.name: gradients.get(m.name, q[m.name]).clone() for m in curved}
    q |= preconditioned(r)
    size = _dot(r, q)
    for name, one in applied({m.name: q[m.name] for m in curved}).items():
        r[name] -= one
    p = preconditioned(r)
    energy = _dot(r, p)
    residuals = [_ratio(energy, size).clamp(min=0).sqrt().max().item()]
    for _ in range(settings.iterations):
        if residuals[-1] <= settings.tolerance:
            break
        image = applied(p)
        step = _ratio(energy, _dot(p, image))
        for name in p:
            q[name] += step.to(like) * p[name]
            r[name] -= step.to(like) * image.pop(name)
        z = preconditioned(r)
        before, energy = energy, _dot(r, z)
        for name in p:
            p[name] = z.pop(name).add_(_ratio(energy, before).to(like) * p[name])
        residuals.append(_ratio(energy, size).clamp(min=0).sqrt().max().item())
    reporter.finish()
    return q, residuals


def precondition(vectors: Tensor, factors: Factors, damping: float) -> Tensor:
    """(K, d_out, d_in) V -> Q_S [(Q_S' V Q_A) / (Lambda + lambda)] Q_A', with lambda as in `refine`."""
    eigenvalues = factors.eigenvalues
    filtered = factors.rotate(vectors).div_(eigenvalues + damping * eigenvalues.mean())
    q_a, q_s = (Basis(tuple(block.T for block in basis.blocks)) for basis in (factors.q_a, factors.q_s))
    return Factors(q_a, q_s, factors.corrected).rotate(filtered).to(vectors)


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

    def compute(budget: int) -> Vectors:
        reporter.reach(done)
        sums = GroupSums(torch.empty(0), {m.name: torch.zeros_like(vectors[m.name]) for m in moved})
        for batch in batches_of(model, encoded, budget):
            velocity = _velocity(model, moved, vectors, batch)
            with ExitStack() as stack:
                stack.enter_context(torch.enable_grad())
                stack.enter_context(_rooted_at_embedding(model.module))
                for module in moved:
                    stack.enter_context(_watched(module, batch, [sums]))
                positions = stack.enter_context(attention(model.module, batch))
                hidden = last_hidden(model.module, batch.ids, positions)[0]
            slopes = _slopes(model.module, hidden.detach()[batch.loss_places], velocity, batch.weights)
            for k, slope in enumerate(slopes):
                sums.weights = torch.eye(len(slopes))[k].expand(len(encoded), -1)
                gradient = torch.zeros_like(hidden).index_copy_(0, batch.loss_places, slope)
                hidden.backward(gradient, retain_graph=k + 1 < len(slopes))  # type: ignore[no-untyped-call]
            reporter.advance(batch.tokens, batch.tokens)
        return sums.raw

    return {name: one.div_(len(encoded)) for name, one in within_memory(compute, token_budget).items()}


@torch.no_grad()
def _velocity(
    model: LanguageModel, modules: Sequence[LinearModule], vectors: Mapping[str, Tensor], batch: TokenBatch
) -> Tensor:
    """(M, H, K) how fast the last hidden states of M completion tokens move along each direction."""
    count = len(next(iter(vectors.values())))

    def moved(amounts: Tensor) -> Tensor:
        with ExitStack() as stack:
            for module in modules:
                move = partial(_move, vectors[module.name].to(amounts.dtype), amounts)
                stack.enter_context(module.module.register_forward_hook(move))
            positions = stack.enter_context(attention(model.module, batch, dual=True))
            return last_hidden(model.module, batch.ids, positions)[0, batch.loss_places]

    velocity: Tensor = jacfwd(moved)(torch.zeros(count, dtype=model.dtype, device=model.device))
    return velocity


def _move(directions: Tensor, amounts: Tensor, _: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> Tensor:
    """Add sum_k amount_k V_k a to a layer's output; as the amounts are zero, a's own velocity does not matter."""
    each = args[0].detach() @ directions.flatten(0, 1).T
    return out + amounts @ each.view(*each.shape[:-1], *directions.shape[:2])


@torch.no_grad()
def _slopes(module: nn.Module, hidden: Tensor, velocity: Tensor, weights: Tensor) -> Tensor:
    """(M, H), (M, H, K), (M,) -> (K, M, H) w^2 J' (diag(p) - p p') J velocity, J of the logits in the hidden state.

    The logits come from the model's own code where it does more to them than its head does.
    """
    head: Any = module.get_output_embeddings()  # type: ignore[operator]
    one = torch.zeros(1, 1, dtype=torch.long, device=hidden.device)
    plain = head_is_plain(module)

    def logits_of(states: Tensor) -> Tensor:
        return _at_least_float32(head(states) if plain else _run(module, one, states.unsqueeze(0))[1][0])

    def of_rows(states: Tensor, moving: Tensor, weight: Tensor) -> Tensor:
        logits, pull, *_ = vjp(logits_of, states)
        moved = jacfwd(lambda amounts: logits_of(states + moving @ amounts))(
            moving.new_zeros(moving.shape[2])
        )
        p = logits.softmax(1).unsqueeze(2)
        turned = p * (moved - (p * moved).sum(1, keepdim=True)) * weight.to(p).square().view(-1, 1, 1)
        slopes: Tensor = vmap(pull)(turned.permute(2, 0, 1))[0]
        return slopes

    rows = max(1, LOGIT_BYTES // (4 * int(head.weight.shape[0]) * (1 + velocity.shape[2])))
    parts = zip(*(torch.split(each, rows) for each in (hidden, velocity, weights)), strict=True)
    return torch.cat([of_rows(*part) for part in parts], 1)


def _dot(x: Vectors, y: Vectors) -> Tensor:
    """(K,) float64 inner products over all layers."""
    return torch.stack([(one * y[name]).sum((1, 2), dtype=torch.float64) for name, one in x.items()]).sum(0)


def _ratio(x: Tensor, y: Tensor) -> Tensor:
    """(K,) / (K,) -> (K, 1, 1), and zero where a direction has come to its end."""
    return torch.where(y > 0, x / y, 0.0).view(-1, 1, 1)
