"""Factors are fitted once: later runs, and a run that was killed, find them."""

import json
from pathlib import Path

import pytest
import torch

from curation.models.linear import linear_modules
from curation.scoring.influence import cache as module
from curation.scoring.influence.cache import FactorCache, layer_groups
from curation.scoring.influence.factors import reliability
from curation.scoring.influence.fit import ROUND, Fit, fit_factors
from curation.scoring.progress import Reporter
from curation.scoring.score import score
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.scoring.conftest import ask_for, values
from tests.tiny import tiny_model, tiny_sequences

SAMPLE = tiny_sequences(*((4 + i % 7, 2) for i in range(2 * ROUND + 5)), seed=5)


def stages(project: Project, run_id: str) -> set[str]:
    rows = open_catalogue(project).rows("SELECT timings FROM run WHERE run_id = $1", [run_id])
    return set(json.loads(rows[0][0]))


def test_a_later_run_takes_the_factors_of_an_earlier_one(project: Project, model_folder: Path) -> None:
    first = score(project, ask_for(model_folder)).run_id
    second = score(project, ask_for(model_folder, scores=("influence",), tolerance=0.2)).run_id
    assert "covariances" in stages(project, first)
    assert not {"covariances", "eigenvectors", "eigenvalues"} & stages(project, second)
    third = score(project, ask_for(model_folder, labels="data")).run_id
    assert "covariances" in stages(project, third)
    assert values(project, third) != values(project, first)


def test_what_is_read_back_is_what_was_fitted_and_a_kill_costs_one_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("llama")
    modules = linear_modules(model)
    groups = layer_groups(modules, [1] * len(modules), 7)
    assert [len(group) for group in groups] == [7, 7]
    cache = FactorCache(tmp_path / "factors", model.device)
    arguments = {"token_budget": 60, "fit": Fit(), "reporter": Reporter()}
    calls = []
    fit = module.fit_factors

    def killed(model, modules, *rest, **settings):  # type: ignore[no-untyped-def]
        calls.append([one.name for one in modules])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(model, modules, *rest, **settings)

    monkeypatch.setattr(module, "fit_factors", killed)
    with pytest.raises(KeyboardInterrupt):
        cache.fit(model, groups, SAMPLE[:8], **arguments)  # type: ignore[arg-type]
    assert not cache.complete
    cache.fit(model, groups, SAMPLE[:8], **arguments)  # type: ignore[arg-type]
    assert cache.complete
    assert len(calls) == 3
    expected, traces = fit(model, groups[1], SAMPLE[:8], token_budget=60)
    assert cache.traces == traces == 8
    for one in groups[1]:
        read, made = cache.load(one), expected[one.name]
        assert torch.equal(read.corrected, made.corrected)
        assert torch.equal(read.q_s.blocks[0], made.q_s.blocks[0])
        assert torch.equal(read.q_a.blocks[0], made.q_a.blocks[0])


def test_layers_with_one_input_stay_together() -> None:
    modules = linear_modules(tiny_model("llama"))
    names = [[m.name.rsplit(".", 1)[1] for m in group] for group in layer_groups(modules, [1] * 14, 1)]
    assert names == 2 * [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]
    assert len(layer_groups(modules, [1] * 14, 100)) == 1


def test_the_sample_stops_growing_once_its_halves_agree() -> None:
    model = tiny_model("llama")
    modules = linear_modules(model, "q_proj")
    _, everything = fit_factors(model, modules, SAMPLE, token_budget=200)
    _, enough = fit_factors(model, modules, SAMPLE, token_budget=200, fit=Fit(stability=0.05))
    assert everything == len(SAMPLE)
    assert enough == ROUND


def test_reliability_is_the_correlation_that_random_queries_and_traces_show() -> None:
    """Against brute force: scores of random gradients along random queries, by either half, and by two wholes."""
    torch.manual_seed(0)
    mean = torch.rand(6, 8, dtype=torch.float64).square() * 10
    halves = mean * torch.distributions.Gamma(2.0, 2.0).sample((2, 6, 8)).double()
    fitted = halves.mean(0)
    traces, queries = (torch.randn(4000, 48, dtype=torch.float64) * fitted.flatten().sqrt() for _ in range(2))
    rho = []
    filters = [1 / (half + 0.1 * half.mean()).flatten() for half in halves]
    scores = [((queries * one) * traces).sum(1) for one in filters]
    rho = float(torch.corrcoef(torch.stack(scores))[0, 1])
    assert reliability([halves], 0.1) == pytest.approx(2 * rho / (1 + rho), abs=0.03)
    assert reliability([mean.expand(2, 6, 8)], 0.1) == pytest.approx(1)
