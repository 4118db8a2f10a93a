"""EK-FAC factors and preconditioning against dense references."""

import pytest
import torch

from curation.models.linear import linear_modules
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.head import draw
from curation.scoring.influence.factors import Basis, Corrections, Covariances, Factors
from curation.scoring.influence.fit import Fit, covariance_sample, fit_factors
from curation.scoring.influence.space import whitening, whole_space
from tests.scoring.test_fused import SEQUENCES, autograd
from tests.tiny import tiny_model, tiny_sequences

F64 = torch.float64


def orthogonal(size: int, seed: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=F64, generator=torch.Generator().manual_seed(seed)))[
        0
    ]


def whole(*tensors: torch.Tensor) -> Factors:
    q_a, q_s, corrected = tensors
    return Factors(Basis((q_a,)), Basis((q_s,)), corrected)


def precondition(raw: torch.Tensor, factors: Factors) -> torch.Tensor:
    """(K, d_out, d_in) -> the same, by the whole space: what `build_directions` does to one layer."""
    white = whitening(factors.eigenvalues, 0.1)
    if white is None:
        return torch.zeros_like(raw)
    space = whole_space(factors, white)
    return space.u @ (factors.rotate(raw) * white.gain / white.weight) @ space.v.T


def test_preconditioning_is_the_dense_inverse() -> None:
    torch.manual_seed(0)
    q_a, q_s = orthogonal(4, 1), orthogonal(3, 2)
    factors = whole(q_a, q_s, torch.rand(2, 3, 4, dtype=F64))
    raw = torch.randn(2, 3, 4, dtype=F64)
    basis = torch.kron(q_s, q_a)  # row-major vec(W): index (d_out, d_in)
    curvature = basis @ torch.diag(factors.eigenvalues.flatten()) @ basis.T
    damped = curvature + 0.1 * factors.eigenvalues.mean() * torch.eye(12, dtype=F64)
    expected = torch.linalg.solve(damped, raw.flatten(1).T).T.reshape(2, 3, 4)
    torch.testing.assert_close(precondition(raw, factors), expected)


def test_identity_factors_leave_the_plain_dot_product() -> None:
    raw = torch.randn(1, 3, 4, dtype=F64)
    factors = whole(torch.eye(4, dtype=F64), torch.eye(3, dtype=F64), torch.ones(2, 3, 4, dtype=F64))
    torch.testing.assert_close(precondition(raw, factors), raw / 1.1)


def test_a_layer_that_no_gradient_reaches_has_no_direction() -> None:
    assert whitening(torch.zeros(3, 4, dtype=F64), 0.1) is None


def test_blocks_rotate_like_the_block_diagonal_matrix() -> None:
    basis = Basis((orthogonal(3, 1), orthogonal(2, 2)))
    dense = torch.block_diag(*basis.blocks)
    x = torch.randn(7, 5, dtype=F64)
    torch.testing.assert_close(basis.rotate(x), x @ dense)
    torch.testing.assert_close(basis.back(x.T), dense @ x.T)


def test_block_diagonal_covariances_are_the_blocks_of_the_whole() -> None:
    model = tiny_model("llama")
    modules = linear_modules(model)
    kept, narrow = Covariances(), Covariances(block=10)
    for batch in batches_of(model, SEQUENCES, 30):
        fused_pass(model, batch, [kept, narrow], modules)
    for wide, blocks in ((kept.a, narrow.a), (kept.s, narrow.s)):
        for name, parts in blocks.items():
            start = 0
            for part in parts:
                end = start + len(part)
                torch.testing.assert_close(part, wide[name][0][start:end, start:end])
                start = end
            assert start == len(wide[name][0])


def test_covariances_are_over_every_real_token_prompt_included() -> None:
    model = tiny_model("llama")
    modules = linear_modules(model)
    q = next(m for m in modules if m.name.endswith("layers.0.self_attn.q_proj"))
    covariances = Covariances()
    for batch in batches_of(model, SEQUENCES, 30):
        fused_pass(model, batch, [covariances], modules)
    inputs = []
    handle = q.module.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0]))
    for one in SEQUENCES:
        model.module(torch.tensor([one.ids]))
    handle.remove()
    tokens = torch.cat(inputs)
    assert len(tokens) == sum(len(one) for one in SEQUENCES)
    torch.testing.assert_close(covariances.a[q.name][0], tokens.T @ tokens)
    assert not any(name.endswith(("k_proj", "v_proj", "up_proj")) for name in covariances.a)


@pytest.mark.parametrize("by_token", [True, False])
def test_the_correction_is_the_mean_squared_rotated_gradient(by_token: bool) -> None:
    # Sequences of 3 tokens rotate by token, those of 60 by trace (16 x 16 and 24 x 16 layers).
    lengths = [(3, 1), (3, 2)] if by_token else [(60, 20), (60, 30)]
    sequences = tiny_sequences(*lengths)
    model = tiny_model("llama")
    modules = linear_modules(model)
    bases = {m.name: (orthogonal(m.d_in, 1), orthogonal(m.d_out, 2)) for m in modules}
    corrections = Corrections({name: (Basis((a,)), Basis((s,))) for name, (a, s) in bases.items()})
    for batch in batches_of(model, sequences, 1):
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
    together, _ = fit_factors(model, modules, SEQUENCES, token_budget=1000)
    alone, _ = fit_factors(model, modules, SEQUENCES, token_budget=1)
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
    factors, _ = fit_factors(model, modules, SEQUENCES, token_budget=30, fit=Fit(seed=3))
    other, _ = fit_factors(model, modules, SEQUENCES, token_budget=30, fit=Fit(seed=4))
    for module in modules:
        for basis in (factors[module.name].q_a, factors[module.name].q_s):
            (q,) = basis.blocks
            torch.testing.assert_close(q.T @ q, torch.eye(len(q), dtype=F64))
    name = modules[0].name
    assert not torch.allclose(
        factors[name].eigenvalues, other[name].eigenvalues
    )  # labels are sampled, by seed


def test_labels_are_drawn_from_the_models_distribution() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).expand(20_000, 4)
    uniform = torch.rand(20_000, dtype=F64, generator=torch.Generator().manual_seed(0))
    drawn = draw(logits, uniform)
    frequency = torch.bincount(drawn, minlength=4) / len(drawn)
    assert (frequency - logits[0].softmax(0)).abs().max() < 0.01
    assert draw(logits[:1], torch.tensor([1.0 - 1e-17])).item() == 3


def test_short_traces_give_more_of_them_to_the_eigenvectors() -> None:
    modules = linear_modules(tiny_model("llama"))
    widest = max(max(module.d_in, module.d_out) for module in modules)
    assert covariance_sample([widest] * 9, modules, 4) == 4
    assert covariance_sample([widest // 4] * 20, modules, 4) == 8
    assert covariance_sample([1] * 5, modules, 4) == 5
    assert covariance_sample([], modules, 4) == 0
