"""Refining the groups' directions beyond EK-FAC: preconditioned conjugate gradients on the true Gauss-Newton matrix.

ASTRA (2507.14740) lowers the error that EK-FAC makes in (G + D)^-1 b by iterations that EK-FAC preconditions. Its own
are stochastic Neumann steps on minibatches; ours are conjugate gradients on one fixed sample of traces: there are few
right-hand sides, so that all of them move at once, and the same input gives the same directions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.influence.factors import Basis, Factors
from curation.scoring.influence.gauss_newton import Vectors, gauss_newton_product
from curation.scoring.progress import Reporter


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


def _dot(x: Vectors, y: Vectors) -> Tensor:
    """(K,) float64 inner products over all layers."""
    return torch.stack([(one * y[name]).sum((1, 2), dtype=torch.float64) for name, one in x.items()]).sum(0)


def _ratio(x: Tensor, y: Tensor) -> Tensor:
    """(K,) / (K,) -> (K, 1, 1), and zero where a direction has come to its end."""
    return torch.where(y > 0, x / y, 0.0).view(-1, 1, 1)
