"""Outlier gradients against autograd and scikit-learn itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest
from torch.nn.functional import cross_entropy

from curation.errors import ScoringError
from curation.models.encode import encode
from curation.models.load import load_model
from curation.scoring import slices
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.scoring.sketch import Sketch
from curation.store.catalogue import open_catalogue
from curation.store.outliers import UNUSUAL, USUAL, gradient_facet, unusual
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, ask_for, fill, values

WIDTH = 64
NAMES = ("outlier-forest", "outlier-l1", "outlier-l2")
ASKED = {"scores": ("outlier",), "projection": WIDTH}


def projected(folder: Path) -> np.ndarray:
    """(P, width) each trace's whole gradient by autograd, times the dense matrix."""
    sketch, rows = Sketch(WIDTH, 0), []
    loaded = load_model(str(folder), dtype="float64", device="cpu")
    weights = {
        n.removesuffix(".weight"): w for n, w in loaded.module.named_parameters() if "proj.weight" in n
    }
    unit = {name: torch.eye(weight.numel(), dtype=torch.float64) for name, weight in weights.items()}
    dense = {name: sketch.mixed(sketch.folded(name, one)) for name, one in unit.items()}
    for trace in sorted(TRACES, key=lambda one: one.trace_id):
        one = encode(loaded.tokenizer, trace.prompt, trace.response)
        for weight in weights.values():
            weight.requires_grad_(True)
            weight.grad = None
        logits = loaded.module(torch.tensor([one.ids])).logits[0, one.prompt_length - 1 : -1]
        target = torch.tensor(one.ids[one.prompt_length :])
        cross_entropy(logits, target, reduction="sum").backward()
        rows.append(sum(weights[name].grad.flatten() @ matrix for name, matrix in dense.items()))
    return torch.stack(rows).numpy()


def columns(project: Project, run_id: str, name: str) -> np.ndarray:
    found = values(project, run_id)
    return np.array([found[name, trace_id] for trace_id in sorted(t.trace_id for t in TRACES)])


def test_they_are_those_of_dense_gradients(project: Project, model_folder: Path) -> None:
    run_id = score(project, ask_for(model_folder, **ASKED)).run_id
    dense = projected(model_folder)
    assert columns(project, run_id, "outlier-l1") == pytest.approx(np.abs(dense).sum(1))
    assert columns(project, run_id, "outlier-l2") == pytest.approx(np.linalg.norm(dense, axis=1))
    forest = IsolationForest(contamination=0.3, random_state=0).fit(dense.astype(np.float32))
    found = columns(project, run_id, "outlier-forest")
    # One cell of a tree is seldom cut elsewhere by the last bit of a number.
    assert np.corrcoef(found, -forest.score_samples(dense.astype(np.float32)))[0, 1] > 0.999
    assert ((found > 0) & (found < 1)).all()


def test_slices_batches_and_other_scores_do_not_matter(
    project: Project, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = score(project, ask_for(model_folder, **ASKED)).run_id
    monkeypatch.setattr(slices, "SLICE_TRACES", 3)
    other = fill(create_project(tmp_path / "other"), TRACES)
    every = ask_for(model_folder, **{**ASKED, "scores": ("influence", "outlier"), "token_budget": 16})
    again = score(other, every).run_id
    for name in NAMES:
        assert columns(other, again, name) == pytest.approx(columns(project, whole, name), rel=1e-4)


def test_the_same_seed_grows_the_same_forest(project: Project, tmp_path: Path, model_folder: Path) -> None:
    other = fill(create_project(tmp_path / "other"), TRACES)
    first, second = (score(one, ask_for(model_folder, **ASKED)).run_id for one in (project, other))
    third = score(project, ask_for(model_folder, seed=1, **ASKED)).run_id
    found = columns(project, first, "outlier-forest")
    assert np.array_equal(found, columns(other, second, "outlier-forest"))
    assert not np.array_equal(found, columns(project, third, "outlier-forest"))


def test_one_trace_and_no_query_are_enough(tmp_path: Path, model_folder: Path) -> None:
    project = fill(create_project(tmp_path / "p"), TRACES[:1], with_queries=False)
    found = values(project, score(project, ask_for(model_folder, **ASKED)).run_id)
    assert {name for name, _ in found} == {*NAMES, "tokens", "steps"}
    assert all(np.isfinite(value) for value in found.values())


def test_a_trace_that_cannot_be_scored_has_none(tmp_path: Path, model_folder: Path) -> None:
    long = Trace("add 1 2", "1 + " * 100)
    project = fill(create_project(tmp_path / "p"), [*TRACES, long])
    found = values(project, score(project, ask_for(model_folder, **ASKED)).run_id)
    assert [found[name, long.trace_id] for name in NAMES] == [None] * 3
    empty = fill(create_project(tmp_path / "q"), [long])
    assert score(empty, ask_for(model_folder, **ASKED)).run_id


def test_beyond_the_threshold_lie_as_many_as_scikit_learn_takes() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(200, 5)) * (1 + 4 * (random.uniform(size=(200, 1)) < 0.1))
    forest = IsolationForest(contamination=0.3, random_state=0).fit(points)
    values = np.append(-forest.score_samples(points), np.nan)
    flags = unusual(values, 0.3)
    assert np.array_equal(flags[:-1], forest.predict(points) == -1)
    assert flags.sum() == 60
    facet = gradient_facet(values, 0.3)
    assert facet.values == (UNUSUAL, USUAL)
    assert facet.counts(np.ones(201, bool)) == [60, 140]
    assert facet.codes[-1] == -1
    assert not unusual(np.full(3, np.nan), 0.3).any()


def test_the_threshold_is_recorded_and_has_its_range(project: Project, model_folder: Path) -> None:
    run_id = score(project, ask_for(model_folder, contamination=0.2, **ASKED)).run_id
    sql = "SELECT parameters ->> 'contamination' FROM run WHERE run_id = $1"
    assert open_catalogue(project).rows(sql, [run_id]) == [("0.2",)]
    for wrong in (0.0, 0.6, -1.0):
        with pytest.raises(ScoringError, match="contamination"):
            ScoreRequest("m", contamination=wrong)
