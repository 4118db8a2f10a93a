"""Low-rank query spaces against the whole ones, and what the steps of a trace say under them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import linear_modules
from curation.models.load import LanguageModel
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.build import Asked, build_directions
from curation.scoring.influence.cache import FactorCache
from curation.scoring.influence.directions import Directions, Influence, group_weights
from curation.scoring.influence.fit import Fit
from curation.scoring.influence.gauss_newton import gauss_newton_product
from curation.scoring.influence.precondition import Low
from curation.scoring.influence.queries import GroupSums
from curation.scoring.influence.space import Spectrum, ranks_for, separable
from curation.scoring.influence.steps import influence_by_token
from curation.scoring.progress import Reporter
from tests.tiny import tiny_model, tiny_sequences

F64 = torch.float64
TRACES = tiny_sequences(*((5 + i % 9, 2) for i in range(24)), seed=1)
QUERIES = tiny_sequences(*((6 + i % 5, 3) for i in range(10)), seed=2)
GROUPS = ["right"] * 6 + ["wrong"] * 4


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_model("llama")


@pytest.fixture(scope="module")
def factors(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> FactorCache:
    cache = FactorCache(tmp_path_factory.mktemp("factors"), model.device)
    cache.fit(model, [linear_modules(model)], TRACES, token_budget=100, fit=Fit(), reporter=Reporter())
    return cache


def directions(model: LanguageModel, factors: FactorCache, low: Low, *, singly: bool = True) -> Directions:
    asked = Asked(QUERIES, [str(i) for i in range(len(QUERIES))], GROUPS, singly)
    return build_directions(
        model, [linear_modules(model)], factors, asked, low, token_budget=100, reporter=Reporter()
    )


def scores(model: LanguageModel, of: Directions, traces: list[Encoded] = TRACES) -> Tensor:
    influence = Influence.of(of, len(traces), model.device)
    for batch in batches_of(model, traces, 100):
        fused_pass(model, batch, [influence], linear_modules(model))
    return influence.scores


def test_every_direction_kept_is_the_exact_form(model: LanguageModel, factors: FactorCache) -> None:
    exact = scores(model, directions(model, factors, Low(0), singly=False))
    full = directions(model, factors, Low(1e-12, rank=1000), singly=False)
    assert max(full.lost.values()) < 1e-6
    torch.testing.assert_close(scores(model, full), exact, rtol=1e-6, atol=1e-6 * float(exact.abs().max()))


def test_the_stated_error_is_kept_and_fewer_directions_lose_more(
    model: LanguageModel, factors: FactorCache
) -> None:
    exact = scores(model, directions(model, factors, Low(0), singly=False))[:, :2]
    errors, sizes = [], []
    for tolerance in (0.05, 0.2, 0.5):
        low = directions(model, factors, Low(tolerance, rank=1000), singly=False)
        assert np.sqrt(np.mean(np.square(list(low.lost.values())))) <= tolerance
        found = scores(model, low)[:, :2]
        errors.append(float((found - exact).norm() / exact.norm()))
        sizes.append(sum(space.u.shape[1] + space.v.shape[1] for space in low.spaces.values()))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    assert errors[0] < 0.05


def test_halves_of_the_factors_are_directions_too(model: LanguageModel, factors: FactorCache) -> None:
    found = scores(model, directions(model, factors, Low(0), singly=False))
    whole, first, second = found.chunk(3, 1)
    assert not torch.allclose(first, second)
    # Either half's filter is larger where its eigenvalues are smaller; the mean's lies between.
    assert spearmanr(whole[:, 0], first[:, 0]).statistic > 0.8


def test_single_queries_average_to_their_group(model: LanguageModel, factors: FactorCache) -> None:
    found = scores(model, directions(model, factors, Low(0)))
    torch.testing.assert_close(found[:, 6:12].mean(1), found[:, 0])
    torch.testing.assert_close(found[:, 12:].mean(1), found[:, 1])


def test_low_rank_single_queries_rank_traces_like_exact_ones(
    model: LanguageModel, factors: FactorCache
) -> None:
    exact = scores(model, directions(model, factors, Low(0)))[:, 6:].numpy()
    low = scores(model, directions(model, factors, Low(0.02, rank=1000)))[:, 6:].numpy()
    agreement = [spearmanr(exact[:, v], low[:, v]).statistic for v in range(len(QUERIES))]
    assert min(agreement) > 0.95, agreement
    assert np.mean(agreement) > 0.975, agreement


def test_a_smooth_gain_is_nearly_separable() -> None:
    x, y = torch.rand(20, dtype=F64), torch.rand(30, dtype=F64)
    torch.testing.assert_close((lambda a, b: a @ b.T)(*separable(torch.outer(x, y), 1)), torch.outer(x, y))
    gain = 1 / (1 + torch.outer(x, y))
    first, second = (
        float((gain - a @ b.T).norm() / gain.norm()) for a, b in (separable(gain, 1), separable(gain, 2))
    )
    assert second < first < 0.1
    values = torch.linalg.svdvals(gain)
    assert second == pytest.approx(float(values[2:].norm() / values.norm()), rel=1e-3)


def test_ranks_meet_a_tolerance_over_all_layers_as_cheaply_as_can_be() -> None:
    def spectrum(*values: float, width: int = 1) -> Spectrum:
        return Spectrum(torch.tensor(values), sum(values), width)

    spectra = [spectrum(4.0, 1.0, 0.1, 0.01), spectrum(2.0, 0.02)]
    ranks = ranks_for(spectra, 0.3, 10)
    left_out = sum(
        one.trace - float(one.values[:rank].sum()) for one, rank in zip(spectra, ranks, strict=True)
    )
    assert left_out <= 0.3**2 * 7.13 / 2
    assert ranks_for(spectra, 1e-9, 2) == [3, 1]  # four in all: the largest are 4, 2, 1 and 0.1
    assert ranks_for(spectra, 1e-9, 1) == [1, 1]
    assert ranks_for([spectrum(4.0, 3.0, 2.0), spectrum(1.0, 0.5, 0.1)], 1e-9, 1) == [
        2,
        1,
    ]  # 1 each, twice the mean
    assert ranks_for([spectrum(0.0, 0.0, 0.0), *spectra], 0.3, 10)[0] == 0
    # A direction that costs three times as much has to be worth three times as much: not the four largest.
    wide = [spectrum(4.0, 3.0, 2.9, 2.8, width=3), spectrum(1.5, 1.1, 0.5, 0.4)]
    assert ranks_for(wide, 1e-9, 2) == [2, 2]  # 8 to spend, in the order 1.5, 4 / 3, 1.1, 3 / 3


@pytest.mark.parametrize("low", [Low(0), Low(0.3, rank=4)], ids=["whole", "low rank"])
def test_steps_add_up_and_masking_one_takes_exactly_its_value_away(
    model: LanguageModel, factors: FactorCache, low: Low
) -> None:
    """A step without loss, weight 0 for its tokens, lowers the trace's score by that step's value."""
    modules = linear_modules(model)
    of = directions(model, factors, low, singly=False)
    whole = scores(model, of)[:, :2]
    by_token: dict[int, Tensor] = {}
    for batch in batches_of(model, TRACES, 100):
        by_token |= batch.split_by_row(influence_by_token(model, modules, of, batch))
    sums = torch.stack([by_token[i].sum(0) for i in range(len(TRACES))])
    size = float(whole.abs().max())  # norms inside the model are computed in float32
    torch.testing.assert_close(sums, whole, rtol=0, atol=1e-6 * size)
    masked = [
        replace(one, weights=tuple(float(not 1 <= t <= 2) for t in range(one.completion_length)))
        for one in TRACES
    ]
    without = scores(model, of, masked)[:, :2]
    step = torch.stack([by_token[i][1:3].sum(0) for i in range(len(TRACES))])
    torch.testing.assert_close(whole - without, step, rtol=0, atol=1e-6 * size)


def test_directions_come_back_from_disk_as_they_were(
    model: LanguageModel, factors: FactorCache, tmp_path: Path
) -> None:
    made = directions(model, factors, Low(0.2, rank=8))
    made.save(tmp_path / "directions.safetensors")
    read = Directions.load(tmp_path / "directions.safetensors", model.device)
    assert (read.groups, read.query_ids, read.lost) == (made.groups, made.query_ids, made.lost)
    assert torch.equal(scores(model, read), scores(model, made))
    np.testing.assert_array_equal(read.norms, made.norms)


def test_refined_groups_follow_the_dense_solution(model: LanguageModel, factors: FactorCache) -> None:
    """With --solver astra, a trace's score is its gradient along the solution of (G + D) q = b."""
    plain = directions(model, factors, Low(0), singly=False)
    refined = directions(model, factors, Low(0, sample=TRACES), singly=False)
    modules = linear_modules(model)
    asked = GroupSums(group_weights(GROUPS, ["right", "wrong"]).double())
    for batch in batches_of(model, QUERIES, 100):
        fused_pass(model, batch, [asked], modules)
    damped = {m.name: 0.1 * factors.load(m).eigenvalues.mean() for m in modules}

    def residual(of: Directions) -> Tensor:
        q = {m.name: of.dense(m.name)[:2] for m in modules}
        product = gauss_newton_product(model, modules, q, TRACES, token_budget=200)
        missing = [product[name] + damped[name] * q[name] - asked.raw[name] for name in q]
        return sum(one.square().sum((1, 2)) for one in missing)  # type: ignore[return-value]

    assert (residual(refined) < residual(plain)).all()
    assert not torch.allclose(scores(model, refined)[:, 0], scores(model, plain)[:, 0], rtol=1e-3)
