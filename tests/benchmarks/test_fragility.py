"""The study of settings: its measures against other libraries, all of it in small, and what is published of it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from benchmarks.figures import RESULTS
from benchmarks.fragility.measures import (
    DRAWS,
    agreement,
    auc_draws,
    correlation_draws,
    interval,
    lds_draws,
    lds_of_each,
)
from benchmarks.fragility.page import page
from benchmarks.fragility.plan import DEFAULT, FULL, QUICK
from benchmarks.fragility.run import study
from benchmarks.proof.plan import CHOSEN_ON
from benchmarks.proof.plan import FULL as PROOF
from curation.models.train import TrainSettings
from curation.scoring.request import ScoreRequest
from curation.validation.lds import lds

ROOT = Path(__file__).parents[2]
RANDOM = np.random.default_rng(0)


def world(queries: int = 5, parts: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models' values, parts, and noisy measurements that both predict in part."""
    values = RANDOM.normal(size=(2, queries, 80))
    inside = np.stack([RANDOM.permutation(80) < 40 for _ in range(parts)])
    measured = inside @ values.mean(0).T
    return values, inside, measured + measured.std() * RANDOM.normal(size=measured.shape)


def test_lds_is_the_mean_of_the_package_s_own_over_reference_models() -> None:
    values, inside, measured = world()
    own = [lds(one, inside, measured) for one in values]
    draws = lds_draws(values.mean(1), inside, measured.mean(1))
    assert draws.shape == (1 + DRAWS,)
    value, low, high = interval(draws)
    assert value == pytest.approx(np.mean([one.mean_query for one in own]), abs=1e-4)
    assert low < value < high
    one = interval(lds_draws(values[:1].mean(1), inside, measured.mean(1)))
    assert one == pytest.approx([own[0].mean_query, own[0].low, own[0].high], abs=1e-4)
    each = lds_of_each(values, inside, measured)
    assert each.mean() == pytest.approx(np.mean([one.single for one in own]))


def test_auc_is_sklearn_s_with_ties_and_leaves_out_what_is_neither() -> None:
    scores = RANDOM.integers(0, 6, (2, 60)).astype(float)
    kinds = RANDOM.integers(0, 3, 60)
    draws = auc_draws(scores, kinds == 1, kinds == 0)
    compared = kinds != 2
    expected = [roc_auc_score(kinds[compared] == 1, -one[compared]) for one in scores]
    assert draws[0] == pytest.approx(np.mean(expected))


def test_correlations_are_scipy_s() -> None:
    rankings = RANDOM.normal(size=(3, 50)).round(1)
    pairs = [spearmanr(rankings[a], rankings[b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]
    assert agreement(rankings) == pytest.approx(np.mean(pairs), abs=1e-4)
    assert agreement(rankings, rankings) == 1
    assert correlation_draws(rankings[0], rankings[1])[0] == pytest.approx(pairs[0])
    assert math.isnan(correlation_draws(np.ones(5), rankings[0][:5])[0])


def test_a_setting_that_is_the_default_differs_from_it_by_nothing() -> None:
    values, inside, measured = world()
    draws = [lds_draws(values.mean(1), inside, measured.mean(1)) for _ in range(2)]
    assert interval(draws[0] - draws[1]) == [0, 0, 0]


@pytest.mark.slow
def test_the_whole_study_in_small_goes_on_where_it_was(tmp_path: Path) -> None:
    found = list(study(QUICK, tmp_path))
    whole = found[-1]
    assert [one["name"] for one in whole["settings"]] == [one.name for one in QUICK.settings]
    assert [one["name"] for one in whole["engine"]] == list(QUICK.engine)
    assert len(whole["queries"]["lds"]) == QUICK.validation
    assert whole["settings"][1]["parameters"] < whole["settings"][0]["parameters"]
    for one in whole["settings"]:
        assert one["parts"] == QUICK.parts
        assert len(one["lds_by_reference"]) == len(one["accuracy"]) == QUICK.references
        assert one["values"]["lds"][0] == pytest.approx(np.mean(one["lds_by_reference"]), abs=1e-4)
    assert whole["engine"][1]["with_default"]["influence"] < 1
    assert "{{" not in page(whole)
    before = _made(tmp_path)
    again = list(study(QUICK, tmp_path))[-1]
    assert _made(tmp_path) == before
    for name in ("settings", "engine", "queries"):
        assert json.dumps(again[name]) == json.dumps(whole[name])


def _made(folder: Path) -> dict[Path, int]:
    """Everything that took time, and when it was written."""
    kinds = ("*.safetensors", "retrains/*/*-?.json", "runs/*.duckdb")
    return {path: path.stat().st_mtime_ns for kind in kinds for path in folder.rglob(kind)}


@pytest.fixture(scope="module")
def published() -> Any:
    return json.loads((RESULTS / "fragility.json").read_text())


def test_what_is_published_is_what_was_found(published: dict[str, Any]) -> None:
    text = page(published)
    assert (ROOT / "docs/fragility.md").read_text(encoding="utf-8") == text
    assert "{{" not in text
    assert "nan" not in text
    assert [one["name"] for one in published["settings"]] == [one.name for one in FULL.settings]
    assert [one["name"] for one in published["engine"]] == list(FULL.engine)


def test_its_pool_is_in_no_other_figure(published: dict[str, Any]) -> None:
    others = {one.seed for one in (*PROOF.pools, *PROOF.plain)} | set(CHOSEN_ON)
    assert published["plan"]["pool"] == FULL.pool
    assert FULL.pool not in others


def test_the_default_that_is_studied_is_the_product_s() -> None:
    assert DEFAULT.weight_decay == TrainSettings().weight_decay
    assert FULL.engine["default"] == {}
    request = ScoreRequest("model")
    for engine in list(FULL.engine.values())[1:]:
        assert all(
            getattr(request, name) != value for name, value in engine.items() if name != "factor_traces"
        )
