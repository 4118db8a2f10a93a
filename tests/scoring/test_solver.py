"""The Gauss-Newton product and the refined solution against dense matrices from explicit Jacobians."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, jacrev

from curation.models.encode import Encoded
from curation.models.linear import LinearModule, linear_modules
from curation.models.load import LanguageModel
from curation.scoring.influence.factors import Factors
from curation.scoring.influence.fit import fit_factors
from curation.scoring.influence.gauss_newton import gauss_newton_product
from curation.scoring.influence.solver import Refinement, refine
from tests.scoring.test_fused import autograd
from tests.tiny import tiny_adapted, tiny_model, tiny_sequences

F64 = torch.float64
WEIGHTED = tiny_sequences((6, 3), (9, 5), (5, 1))
SEQUENCES = [*WEIGHTED[:2], Encoded(WEIGHTED[2].ids, 1, WEIGHTED[2].starts, (1.0, 0.0, 1.0, 1.0))]
LAYERS = {
    "llama": r"0\.mlp\.down_proj|1\.self_attn\.[qv]_proj",
    "gemma2": r"0\.mlp\.down_proj|1\.self_attn\.[qv]_proj",  # soft caps on its logits
    "gpt2": r"0\.attn\.c_proj|1\.mlp\.c_proj",  # Conv1D, and norms that are in float64 throughout
    "adapter": r"\.q_proj",
}
# Norms and rotary positions of these models are computed in float32, whatever the model is in.
PRECISION = {"gpt2": 1e-10}
DAMPING = 0.5


def setting(family: str) -> tuple[LanguageModel, list[LinearModule]]:
    model = tiny_adapted() if family == "adapter" else tiny_model(family)
    return model, linear_modules(model, LAYERS[family])


def random_vectors(modules: list[LinearModule], count: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {m.name: torch.randn(count, m.d_out, m.d_in, dtype=F64) for m in modules}


def flat(vectors: dict[str, Tensor], modules: list[LinearModule]) -> Tensor:
    """(K, all weights)."""
    return torch.cat([vectors[m.name].flatten(1) for m in modules], 1)


def dense_gauss_newton(model: LanguageModel, modules: list[LinearModule]) -> Tensor:
    """From the Jacobian of every completion token's logits, each sequence alone and in the model's own code."""
    before = model.module.config._attn_implementation
    model.module.set_attn_implementation("eager")
    weights = {f"{m.name}.weight": m.module.weight for m in modules}
    total = torch.zeros(())
    for one in SEQUENCES:

        def logits(moved: dict[str, Tensor], one: Encoded = one) -> Tensor:
            out = functional_call(model.module, moved, (torch.tensor([one.ids]),), {"use_cache": False})
            return out.logits[0, one.prompt_length - 1 : -1]

        jacobian = jacrev(logits)(weights)
        parts = [jacobian[f"{m.name}.weight"] for m in modules]
        j = torch.cat(
            [(p.mT if m.transposed else p).flatten(2) for m, p in zip(modules, parts, strict=True)], 2
        )
        p = logits(weights).softmax(-1)
        h = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
        weight = torch.tensor(one.weights or (1.0,) * one.completion_length, dtype=F64)
        total = total + torch.einsum("tva,tvw,twb,t->ab", j, h, j, weight)
    model.module.set_attn_implementation(before)
    return total / len(SEQUENCES)


class Problem:
    """A tiny (G + D) q = b with all that is needed to solve it, densely too."""

    def __init__(self) -> None:
        self.model, self.modules = setting("gpt2")
        self.factors, _ = fit_factors(self.model, self.modules, SEQUENCES * 8, token_budget=100)
        self.b = random_vectors(self.modules, 2)
        for name, gradient in autograd(self.model, self.modules, tiny_sequences((9, 4), seed=5)[0]).items():
            self.b[name][1] = gradient
        damping = torch.cat(
            [DAMPING * self.factors[m.name].eigenvalues.mean().expand(m.size) for m in self.modules]
        )
        self.matrix = dense_gauss_newton(self.model, self.modules) + torch.diag(damping)
        self.solution = torch.linalg.solve(self.matrix, flat(self.b, self.modules).T).T

    def load(self, module: LinearModule) -> Factors:
        return self.factors[module.name]

    def refine(
        self,
        iterations: int,
        tolerance: float = 0.0,
        b: dict[str, Tensor] | None = None,
        load: Callable[[LinearModule], Factors] | None = None,
    ) -> tuple[dict[str, Tensor], list[float]]:
        return refine(
            self.model,
            self.modules,
            self.b if b is None else b,
            load or self.load,
            SEQUENCES,
            damping=DAMPING,
            settings=Refinement(iterations, tolerance),
            token_budget=100,
        )

    def errors(self, q: dict[str, Tensor]) -> Tensor:
        """(K,) in the norm of G + D, relative."""
        away = flat(q, self.modules) - self.solution
        error, size = (((one @ self.matrix) * one).sum(1).sqrt() for one in (away, self.solution))
        return error / size


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem()


@pytest.mark.parametrize("family", sorted(LAYERS))
def test_product_is_the_dense_gauss_newton_matrix(family: str) -> None:
    model, modules = setting(family)
    dense = dense_gauss_newton(model, modules)
    vectors = random_vectors(modules, 2)
    product = gauss_newton_product(model, modules, vectors, SEQUENCES, token_budget=100)
    expected = flat(vectors, modules) @ dense
    error = (flat(product, modules) - expected).norm() / expected.norm()
    assert error < PRECISION.get(family, 1e-6)


def test_product_is_symmetric_and_positive_semidefinite() -> None:
    model, modules = setting("gpt2")
    vectors = random_vectors(modules, 4)
    product = gauss_newton_product(model, modules, vectors, SEQUENCES, token_budget=100)
    form = flat(vectors, modules) @ flat(product, modules).T
    torch.testing.assert_close(form, form.T, rtol=1e-9, atol=1e-12)
    assert (torch.linalg.eigvalsh(form) > 0).all()


def test_product_does_not_depend_on_batching_or_chunks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model, modules = setting("gpt2")
    vectors = random_vectors(modules, 2)
    together = gauss_newton_product(model, modules, vectors, SEQUENCES, token_budget=100)
    monkeypatch.setattr("curation.scoring.influence.gauss_newton.LOGIT_BYTES", 4 * 50 * 3 * 2)
    alone = gauss_newton_product(model, modules, vectors, SEQUENCES, token_budget=1)
    for name, one in together.items():
        torch.testing.assert_close(alone[name], one, rtol=1e-9, atol=1e-9 * float(one.abs().max()))
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_start_is_the_solution_of_ekfac(problem: Problem) -> None:
    q, residuals = problem.refine(0)
    assert len(residuals) == 1
    for module in problem.modules:
        factors = problem.load(module)
        (q_a,), (q_s,) = factors.q_a.blocks, factors.q_s.blocks
        basis = torch.kron(q_s, q_a)
        eigenvalues = factors.eigenvalues.flatten()
        damped = basis @ torch.diag(eigenvalues + DAMPING * eigenvalues.mean()) @ basis.T
        expected = torch.linalg.solve(damped, problem.b[module.name].flatten(1).T).T
        torch.testing.assert_close(q[module.name].flatten(1), expected)


def test_each_step_lowers_the_error(problem: Problem) -> None:
    errors = torch.stack([problem.errors(problem.refine(count)[0]) for count in range(6)])
    assert (errors[1:] < errors[:-1]).all()
    assert (errors[5] < 0.7 * errors[0]).all()


def test_refinement_converges_to_the_dense_solution(problem: Problem) -> None:
    q, residuals = problem.refine(200, tolerance=1e-3)
    assert residuals[-1] <= 1e-3 < min(residuals[:-1])  # and there the iterations end
    assert (problem.errors(q) < 1e-2).all()


def test_layers_without_curvature_or_gradients(problem: Problem) -> None:
    first, other = problem.modules
    known = problem.load(first)
    empty = Factors(known.q_a, known.q_s, torch.zeros_like(known.corrected))
    q, _ = problem.refine(3, load=lambda m: empty if m is first else problem.load(m))
    assert torch.equal(q[first.name], torch.zeros_like(problem.b[first.name]))
    assert q[other.name].any()
    q, _ = problem.refine(3, b={other.name: problem.b[other.name]})
    assert q[first.name].any()  # it has no gradient of its own, but G couples it to the other
    q, residuals = problem.refine(3, b={name: torch.zeros_like(one) for name, one in problem.b.items()})
    assert not any(one.any() for one in q.values())
    assert residuals == [0.0]
    q, _ = problem.refine(3, load=lambda _: empty)
    assert not any(one.any() for one in q.values())


def test_eigenvalues_of_ekfac_are_the_diagonal_of_the_same_matrix() -> None:
    model, modules = setting("gpt2")
    factors, _ = fit_factors(model, modules, SEQUENCES * 100, token_budget=1000)
    matrix = dense_gauss_newton(model, modules)
    blocks = matrix.diagonal().split([m.size for m in modules])
    for module, diagonal in zip(modules, blocks, strict=True):
        total = factors[module.name].eigenvalues.sum()
        torch.testing.assert_close(total, diagonal.sum(), rtol=0.05, atol=0)
