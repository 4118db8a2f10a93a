"""The projection against its own dense matrix, and what a random projection has to keep."""

import math

import pytest
import torch
from torch import Tensor

from curation.scoring.sketch import Sketch, gathered, sliced


def dense(sketch: Sketch, name: str, count: int) -> Tensor:
    """(count, width) R', by projecting every unit vector."""
    return sketch.mixed(sketch.folded(name, torch.eye(count, dtype=torch.float64)))


@pytest.mark.parametrize("width", [2, 64, 1024])
def test_every_entry_is_a_sign_and_every_sum_of_signs_is_fair(width: int) -> None:
    signs = dense(Sketch(width, 0), "layer", 500) * math.sqrt(width)
    assert torch.equal(signs.abs(), torch.ones_like(signs))
    # Along one result all 500 signs are drawn on their own: their sum is within 5 standard deviations.
    assert signs.sum(0).abs().max() < 5 * math.sqrt(500)


def test_it_is_linear_and_the_blocks_are_those_of_the_dense_matrix() -> None:
    sketch, x = Sketch(64, 3), torch.randn(4, 500, dtype=torch.float64)
    assert torch.allclose(sketch.mixed(sketch.folded("a", x)), x @ dense(sketch, "a", 500))
    both = sketch.mixed(sketch.folded("a", x) + sketch.folded("b", x[:, :77]))
    stacked = torch.cat([dense(sketch, "a", 500), dense(sketch, "b", 77)])
    assert torch.allclose(both, torch.cat([x, x[:, :77]], 1) @ stacked)


def test_seed_and_name_decide_it() -> None:
    one = dense(Sketch(64, 0), "a", 100)
    assert torch.equal(one, dense(Sketch(64, 0), "a", 100))
    assert not torch.equal(one, dense(Sketch(64, 1), "a", 100))
    assert not torch.equal(one, dense(Sketch(64, 0), "b", 100))


def test_the_way_for_a_gpu_gives_the_same() -> None:
    torch.manual_seed(0)
    for count in (1, 63, 64, 65, 500):
        x, signs = torch.randn(3, count), torch.randint(0, 2, (count,)) * 2.0 - 1
        shifts = torch.randint(0, 64, (-(-count // 64),))
        assert torch.allclose(gathered(x, signs, shifts, 64), sliced(x, signs, shifts, 64), atol=1e-6)


def test_inner_products_are_kept_as_well_as_by_independent_signs() -> None:
    torch.manual_seed(0)
    # Gradients of layers are far from even: whole rows and columns are large together.
    rows, columns = torch.randn(64).exp(), torch.randn(64).exp()
    x, y = (torch.randn(2, 64, 64) * rows[:, None] * columns).double().flatten(1)
    exact, width = float(x @ y), 256
    errors = []
    for seed in range(200):
        sketch = Sketch(width, seed)
        one, two = sketch.mixed(sketch.folded("a", torch.stack([x, y])))
        errors.append(float(one @ two) - exact)
    spread = math.sqrt(float(x @ x) * float(y @ y) + exact**2) / math.sqrt(width)
    found = torch.tensor(errors)
    assert abs(float(found.mean())) < 4 * spread / math.sqrt(200)
    assert float(found.square().mean().sqrt()) < 1.15 * spread
    assert Sketch(256, 0).mixed(torch.zeros(0, 256)).shape == (0, 256)
