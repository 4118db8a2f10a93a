import pytest
import torch

from curation.errors import ModelError
from curation.models.draw import drawn_tokens
from curation.models.sampling import Sampling

LOGITS = torch.tensor([[0.3, -1.0, 2.0, 0.0, 1.5, -torch.inf]])
DRAWS = 20_000


def shares(temperature: float, top_p: float) -> torch.Tensor:
    """How often each token is drawn by evenly spread numbers."""
    uniform = (torch.arange(DRAWS, dtype=torch.float64) + 0.5) / DRAWS
    drawn = drawn_tokens(LOGITS.expand(DRAWS, -1), uniform, temperature, top_p)
    return torch.bincount(drawn, minlength=LOGITS.shape[1]) / DRAWS


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_are_drawn_as_often_as_the_model_says(temperature: float) -> None:
    expected = (LOGITS[0] / temperature).softmax(0)
    assert torch.allclose(shares(temperature, 1.0), expected, atol=2 / DRAWS)


def test_top_p_leaves_the_fewest_tokens_that_have_the_probability() -> None:
    p = LOGITS[0].softmax(0)
    for top_p, kept in ((0.5, [2]), (0.6, [2, 4]), (float(p[2] + p[4]) + 1e-6, [2, 4, 0])):
        expected = torch.zeros_like(p)
        expected[kept] = p[kept] / p[kept].sum()
        assert torch.allclose(shares(1.0, top_p), expected, atol=2 / DRAWS)


def test_the_last_number_below_one_draws_a_possible_token() -> None:
    assert drawn_tokens(LOGITS, torch.tensor([1 - 2**-53]), 1.0, 1.0).item() == 1


def test_every_answer_has_a_seed_of_its_own() -> None:
    sampling = Sampling(2, temperature=1.0)
    seeds = {sampling.seed_of(problem, sample) for problem in ("a", "b") for sample in (1, 2)}
    assert len(seeds | {Sampling(2, 1.0, seed=1).seed_of("a", 1)}) == 5
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0},
        {"samples": 2},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0.0},
        {"top_p": 1.1},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError):
        Sampling(**wrong)  # type: ignore[arg-type]
