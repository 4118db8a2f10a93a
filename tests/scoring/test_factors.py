"""EK-FAC factors and preconditioning against dense references."""

import pytest
import torch

from curation.models.batches import token_batches
from curation.models.linear import linear_modules
from curation.scoring import fused
from curation.scoring.fused import fused_pass
from curation.scoring.influence.directions import precondition
from curation.scoring.influence.factors import Corrections, Covariances, Factors, fit_factors
from tests.scoring.test_fused import SEQUENCES, autograd
from tests.tiny import tiny_model, tiny_sequences

F64 = torch.float64


def orthogonal(size: int, seed: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=F64, generator=torch.Generator().manual_seed(seed)))[
        0
    ]


def test_preconditioning_is_the_dense_inverse() -> None:
    torch.manual_seed(0)
    factors = Factors(orthogonal(4, 1), orthogonal(3, 2), torch.rand(2, 3, 4, dtype=F64))
    raw = torch.randn(2, 3, 4, dtype=F64)
    basis = torch.kron(factors.q_s, factors.q_a)  # row-major vec(W): index (d_out, d_in)
    curvature = basis @ torch.diag(factors.eigenvalues.flatten()) @ basis.T
    damped = curvature + 0.1 * factors.eigenvalues.mean() * torch.eye(12, dtype=F64)
    expected = torch.linalg.solve(damped, raw.flatten(1).T).T.reshape(2, 3, 4)
    torch.testing.assert_close(precondition(raw, factors, damping=0.1), expected)


def test_identity_factors_leave_the_plain_dot_product() -> None:
    raw = torch.randn(1, 3, 4, dtype=F64)
    factors = Factors(torch.eye(4, dtype=F64), torch.eye(3, dtype=F64), torch.ones(2, 3, 4, dtype=F64))
    torch.testing.assert_close(precondition(raw, factors, damping=0.1), raw / 1.1)


def test_a_layer_that_no_gradient_reaches_gives_zeros() -> None:
    factors = Factors(torch.eye(4, dtype=F64), torch.eye(3, dtype=F64), torch.zeros(2, 3, 4, dtype=F64))
    assert precondition(torch.randn(1, 3, 4, dtype=F64), factors).abs().max() == 0


def test_covariances_are_over_every_real_token_prompt_included() -> None:
    model = tiny_model("llama")
    modules = linear_modules(model)
    q = next(m for m in modules if m.name.endswith("layers.0.self_attn.q_proj"))
    covariances = Covariances()
    for batch in token_batches(SEQUENCES, 30, model.device):
        fused_pass(model, batch, [covariances], modules)
    inputs = []
    handle = q.module.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0]))
    for one in SEQUENCES:
        model.module(torch.tensor([one.ids]))
    handle.remove()
    tokens = torch.cat(inputs)
    assert len(tokens) == sum(len(one) for one in SEQUENCES)
    torch.testing.assert_close(covariances.a[q.name], tokens.T @ tokens)
    assert not any(name.endswith(("k_proj", "v_proj", "up_proj")) for name in covariances.a)


@pytest.mark.parametrize("by_token", [True, False])
def test_the_correction_is_the_mean_squared_rotated_gradient(by_token: bool) -> None:
    # Sequences of 3 tokens rotate by token, those of 60 by trace (16 x 16 and 24 x 16 layers).
    lengths = [(3, 1), (3, 2)] if by_token else [(60, 20), (60, 30)]
    sequences = tiny_sequences(*lengths)
    model = tiny_model("llama")
    modules = linear_modules(model)
    bases = {m.name: (orthogonal(m.d_in, 1), orthogonal(m.d_out, 2)) for m in modules}
    corrections = Corrections(bases)
    for batch in token_batches(sequences, 1, model.device):
        fused_pass(model, batch, [corrections], modules)
    gradients = [autograd(model, modules, one) for one in sequences]
    for module in modules:
        q_a, q_s = bases[module.name]
        for half in (0, 1):
            expected = (q_s.T @ gradients[half][module.name] @ q_a).square()
            torch.testing.assert_close(corrections.squares[module.name][half], expected)


def test_factors_do_not_depend_on_batching() -> None:
    model = tiny_model("gpt2")
    modules = linear_modules(model)
    together = fit_factors(model, modules, SEQUENCES, token_budget=1000)
    alone = fit_factors(model, modules, SEQUENCES, token_budget=1)
    raw = torch.ones(1, modules[0].d_out, modules[0].d_in, dtype=F64)
    for module in modules[:1]:
        torch.testing.assert_close(
            precondition(raw, together[module.name]),
            precondition(raw, alone[module.name]),
            rtol=1e-6,
            atol=1e-9,
        )
        torch.testing.assert_close(
            together[module.name].eigenvalues.sum(), alone[module.name].eigenvalues.sum()
        )


def test_fitted_factors_diagonalise_the_covariance_of_sampled_labels() -> None:
    model = tiny_model("llama")
    modules = linear_modules(model)
    factors = fit_factors(model, modules, SEQUENCES, token_budget=30, seed=3)
    other = fit_factors(model, modules, SEQUENCES, token_budget=30, seed=4)
    for module in modules:
        for basis in (factors[module.name].q_a, factors[module.name].q_s):
            torch.testing.assert_close(basis.T @ basis, torch.eye(len(basis), dtype=F64))
    name = modules[0].name
    assert not torch.allclose(
        factors[name].eigenvalues, other[name].eigenvalues
    )  # labels are sampled, by seed


def test_labels_are_drawn_from_the_models_distribution() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).expand(20_000, 4)
    uniform = torch.rand(20_000, dtype=F64, generator=torch.Generator().manual_seed(0))
    drawn = fused._sample(logits, uniform)
    frequency = torch.bincount(drawn, minlength=4) / len(drawn)
    assert (frequency - logits[0].softmax(0)).abs().max() < 0.01
    assert fused._sample(logits[:1], torch.tensor([1.0 - 1e-17])).item() == 3
