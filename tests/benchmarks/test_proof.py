"""The proof's arithmetic on figures that are known, and what is published of it: one source, one story."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from benchmarks.figures import RESULTS
from benchmarks.proof.detection import Planted, detection, oracle_order, retention
from benchmarks.proof.masked import OWN, masked, text_of
from benchmarks.proof.page import page
from benchmarks.proof.plan import DEFAULT, FULL
from benchmarks.proof.position import by_position
from benchmarks.proof.shipped import shipped
from benchmarks.proof.summary import masked_summary, minus, steps, summary
from curation.demo.proved import FILE, proved
from curation.scoring.score import score
from curation.selection.recipes import RECIPES
from curation.store.catalogue import open_catalogue
from curation.store.project import create_project
from curation.validation.arms import Arm
from tests.scoring.conftest import TRACES, WORDS, ask_for, fill, values
from tests.tiny import save_tiny

ROOT = Path(__file__).parents[2]


def pool(random: float, mine: float, oracle: float) -> dict[str, Any]:
    """A pool with two trainings of three recipes at one share, half a point about their means."""
    trained = {
        name: {"0.2": [[value - 0.005, value - 1], [value + 0.005, value - 1]]}
        for name, value in (("random", random), ("oracle", oracle), ("mine", mine))
    }
    alike = {key: {"all": 0.5} for key in trained}
    return {
        "trained": trained,
        "detection": alike,
        "retention": {key: {"0.2": {"rare kept": 1.0}} for key in trained},
        "everything": [[0.8, -0.2], [0.9, -0.2]],
        "steps": {"nll": [10, 5], "influence by loss token": [10, 9]},
    }


POOLS = [pool(0.80, 0.88, 0.90), pool(0.82, 0.88, 0.96), pool(0.81, 0.93, 0.99)]


def test_means_differences_and_shares_are_over_pools() -> None:
    found = summary(POOLS)
    assert found["mine"]["accuracy"]["0.2"][0] == pytest.approx((0.88 + 0.88 + 0.93) / 3)
    differences = np.array([0.08, 0.06, 0.12])
    reach = student.ppf(0.975, 2) * differences.std(ddof=1) / np.sqrt(3)
    expected = [differences.mean(), differences.mean() - reach, differences.mean() + reach]
    assert found["mine"]["minus_random"]["0.2"] == pytest.approx(expected)
    assert found["mine"]["oracle_share"]["0.2"] == pytest.approx(0.26 / 0.42)
    assert found["oracle"]["oracle_share"]["0.2"] == pytest.approx(1.0)
    assert "minus_random" not in found["random"]
    assert found["everything"]["accuracy"]["0"][0] == pytest.approx(0.85)
    assert minus(POOLS, "mine", ["oracle"])["oracle"]["0.2"][0] == pytest.approx(-(0.02 + 0.08 + 0.06) / 3)
    assert steps(POOLS) == {"nll": 0.5, "influence by loss token": 0.9}


def test_a_recipe_that_a_pool_lacks_is_left_out() -> None:
    lacking = {**POOLS[1], "trained": {k: v for k, v in POOLS[1]["trained"].items() if k != "mine"}}
    assert "mine" not in summary([POOLS[0], lacking])


def test_detection_and_retention_by_hand() -> None:
    kinds = np.array(["none", "systematic", "none", "filler", "none"])
    rare = np.array([False, True, True, False, False])
    planted = Planted(tuple("abcde"), kinds, rare, np.full(5, -1))
    order = np.array([0, 2, 3, 4, 1])  # kept to the end, first to last
    found = detection(planted, order)
    assert found["systematic"] == 1.0
    assert found["filler"] == pytest.approx(2 / 3)
    assert found["systematic against rare but right"] == 1.0
    assert found["all"] == pytest.approx((3 + 2) / 6)
    left = retention(planted, order, [0.4])["0.4"]
    assert left == {"rare kept": 1.0, "flawed kept": 1.0, "systematic kept": 0.0}
    assert set(oracle_order(planted)[:3]) == {0, 2, 4}
    assert set(oracle_order(planted, seed=1)[3:]) == {1, 3}


def test_masking_and_dropping_lose_no_more_than_their_share_of_the_tokens(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model", "llama", WORDS)
    project = fill(create_project(tmp_path / "project"), TRACES)
    request = ask_for(model, scores=("grace", "segments"), segment_points=2)
    run_id = score(project, request).run_id
    catalogue = open_catalogue(project)
    names = tuple(sorted(trace.trace_id for trace in TRACES))
    planted = Planted(
        names, np.array(["none"] * len(names)), np.zeros(len(names), bool), np.arange(len(names)) % 3
    )
    text = text_of(catalogue, planted, model)
    arms = []

    def train(arm: Arm, seed: int) -> list[float]:
        arms.append(arm)
        return [0.5 + seed / 10, -1.0]

    runs = {"grace": (run_id, "grace"), "segments": (run_id, "segment-strength")}
    found = masked(catalogue, planted, text, runs, np.arange(len(names)), (0.1, 0.3), 2, train)
    catalogue.close()
    assert text.tokens == sum(text.size(step) for step in text.steps)
    for name, shares in found.items():
        for share, figures in shares.items():
            assert figures["trained"] == [[0.5, -1.0], [0.6, -1.0]]
            if share != OWN and "segments" not in name:
                assert float(share) - 0.05 < figures["tokens"] <= float(share)
    assert found["everything"][OWN]["tokens"] == 0
    oracle = sum(text.size(step) for step in text.planted) / text.tokens
    assert found["masking by the oracle"][OWN]["tokens"] == pytest.approx(oracle)
    assert next(arm for arm in arms if arm.name.startswith("dropping")).trace_ids == names[:18]
    summed = masked_summary([{"masked": found}, {"masked": found}])
    assert summed["masking by grace"]["0.1"]["accuracy"][0] == pytest.approx(0.55)
    assert summed["masking by grace"]["0.1"]["minus_everything"][0] == 0


def test_no_pool_is_both_chosen_on_and_reported() -> None:
    kept = json.loads((RESULTS / "proof.json").read_text())
    reported = {
        int(name.partition("-")[0]) for name in kept["pools"]["reported"] + kept["pools"]["random_flaws_only"]
    }
    assert not reported & set(kept["pools"]["chosen_on"])
    assert len(kept["pools"]["reported"]) == len(FULL.pools) >= 5


def test_what_is_published_is_what_was_found() -> None:
    kept = json.loads((RESULTS / "proof.json").read_text())
    beside = [json.loads((RESULTS / f"{name}.json").read_text()) for name in ("gsm8k", "gentle")]
    assert (ROOT / "docs/proof.md").read_text(encoding="utf-8") == page(kept, *beside)
    assert json.loads(FILE.read_text()) == shipped(kept)
    assert proved().default == kept["default"] == DEFAULT == next(iter(RECIPES))


def test_the_default_beats_what_it_is_said_to_beat() -> None:
    """The page's claim: the interval of the paired difference is above zero at every share."""
    kept = json.loads((RESULTS / "proof.json").read_text())
    for other in ("random", "mid-ppl", "rds+"):
        for mean, low, _ in kept["default_minus"][other].values():
            assert mean > low > 0


def test_by_position_adds_up_to_the_trace_s_influence(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model", "llama", WORDS)
    project = fill(create_project(tmp_path / "project"), TRACES)
    request = replace(ask_for(model, scores=("influence",)), steps="none", dtype="float32")
    stored = values(project, score(project, request).run_id)
    catalogue = open_catalogue(project)
    found = {one.trace_id: one for one in by_position(catalogue, request, "gold")}
    catalogue.close()
    scale = max(abs(value) for (name, _), value in stored.items() if name == "influence/gold")
    assert len(found) == len(TRACES)
    for trace_id, split in found.items():
        assert split.tokens.sum() == pytest.approx(stored["influence/gold", trace_id], abs=1e-4 * scale)
        assert len(split.steps) == 3
        assert split.steps.sum() != pytest.approx(split.tokens.sum(), abs=1e-4 * scale)  # the prompt's part
