"""Whole runs on a small project: every value, and what must not change it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from transformers import AutoModelForCausalLM

from curation.models.encode import encode
from curation.models.linear import linear_modules
from curation.models.load import load_model
from curation.scoring import slices
from curation.scoring.consensus import consensus
from curation.scoring.score import score
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, ask_for, fill, queries, values
from tests.scoring.test_fused import autograd, token_losses


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Project:
    project = fill(create_project(tmp_path_factory.mktemp("scored") / "project"), TRACES)
    score(project, ask_for(model_folder))
    return project


def test_every_score_of_every_trace_is_there(scored: Project) -> None:
    catalogue = open_catalogue(scored)
    counts = dict(catalogue.rows("SELECT name, count(value) FROM scores GROUP BY name"))
    by_query = ("influence-rank", "influence-even", "influence-consensus")
    forms = ("influence", "influence-mean", "influence-cosine", *by_query, "rds")
    of_groups = {f"{form}/{group}" for form in forms for group in ("gold", "incorrect")}
    assert set(counts) == of_groups | {"perplexity", "nll", "rsr", "gradient-norm", "tokens", "steps"}
    assert set(counts.values()) == {len(TRACES)}
    assert catalogue.rows("SELECT count(*), min(len(vector)) FROM vectors") == [(len(TRACES), 16)]
    row = catalogue.table("SELECT * FROM run").to_pylist()[0]
    assert json.loads(row["coverage"])["modules"] == 14
    assert set(json.loads(row["stability"])) == {"gold", "incorrect"}
    assert json.loads(row["parameters"])["groups"] == {"gold": 4, "incorrect": 3}
    assert row["tokens"] == catalogue.rows("SELECT sum(value) FROM scores WHERE name = 'tokens'")[0][0]
    assert not list((scored.root / "runs").glob("*.part"))


def test_steps_add_up_to_their_trace_and_cover_the_response(scored: Project) -> None:
    catalogue = open_catalogue(scored)
    both = catalogue.rows(
        """SELECT s.value, t.value FROM scores s JOIN
           (SELECT trace_id, name, sum(value) AS value FROM steps GROUP BY ALL) t USING (trace_id, name)"""
    )
    assert len(both) == 3 * len(TRACES)
    whole, parts = np.array(both).T
    assert np.abs(whole - parts).max() < 1e-6 * np.abs(whole).max()
    spans = catalogue.rows(
        """SELECT string_agg(substr(response, start + 1, stop - start), '' ORDER BY step) = response, count(*)
           FROM steps JOIN traces USING (trace_id) WHERE name = 'nll' GROUP BY trace_id, response"""
    )
    assert spans == [(True, 3)] * len(TRACES)


def test_groups_are_means_of_their_queries_and_ranks_are_mean_ranks(scored: Project) -> None:
    catalogue = open_catalogue(scored)
    found = catalogue.rows(
        """SELECT trace_id, query_id, value FROM query_scores JOIN queries USING (query_id)
           WHERE queries."group" = 'gold' ORDER BY query_id, trace_id"""
    )
    matrix = np.array([row[2] for row in found]).reshape(4, len(TRACES))
    ids = [row[0] for row in found[: len(TRACES)]]
    stored = {
        (name, trace_id): (value, error)
        for name, trace_id, value, error in catalogue.rows(
            "SELECT name, trace_id, value, standard_error FROM scores"
        )
    }
    ranks = np.array([rankdata(row) for row in matrix]) / len(TRACES)
    even = (matrix / _spread(matrix)).mean(0)
    agreed = consensus(matrix)
    assert (agreed < 0).any()
    assert (agreed > 0).any()
    for column, trace_id in enumerate(ids):
        value, error = stored["influence/gold", trace_id]
        np.testing.assert_allclose(
            value, matrix[:, column].mean(), rtol=1e-6, atol=1e-9 * np.abs(matrix).max()
        )
        np.testing.assert_allclose(error, matrix[:, column].std(ddof=1) / 2, rtol=1e-9)
        np.testing.assert_allclose(
            stored["influence-rank/gold", trace_id][0], ranks[:, column].mean(), rtol=1e-12
        )
        np.testing.assert_allclose(stored["influence-even/gold", trace_id][0], even[column], rtol=1e-12)
        np.testing.assert_allclose(
            stored["influence-consensus/gold", trace_id][0], agreed[column], rtol=1e-12
        )


def _spread(rows: np.ndarray) -> np.ndarray:
    """(Q, 1) the 95th percentile of each row's absolute values, one of the values themselves."""
    return np.quantile(np.abs(rows), 0.95, axis=1, keepdims=True, method="inverted_cdf")


def test_length_variants(scored: Project) -> None:
    run_id = open_catalogue(scored).rows("SELECT run_id FROM run")[0][0]
    found = values(scored, run_id)
    for trace in TRACES:
        whole, tokens = found["influence/gold", trace.trace_id], found["tokens", trace.trace_id]
        assert found["influence-mean/gold", trace.trace_id] == pytest.approx(whole / tokens)
        assert abs(found["influence-cosine/gold", trace.trace_id]) <= 1
        assert found["perplexity", trace.trace_id] == pytest.approx(
            np.exp(found["nll", trace.trace_id] / tokens)
        )


def test_training_on_a_trace_raises_the_queries_likelihood_as_influence_says(
    model_folder: Path, project: Project
) -> None:
    """The sign convention, end to end: the preconditioned gradient's first-order effect has the score's sign."""
    run_id = score(
        project, ask_for(model_folder, damping=1e6)
    ).run_id  # damping so large leaves the plain dot product
    found = {t.trace_id: values(project, run_id)["influence/gold", t.trace_id] for t in TRACES}
    ends = [min(found, key=found.get), max(found, key=found.get)]  # type: ignore[arg-type]
    changes = []
    for trace_id in ends:
        trace = next(t for t in TRACES if t.trace_id == trace_id)
        changes.append(_change_of_gold_likelihood(model_folder, trace))
    assert changes[1] > changes[0]


def _change_of_gold_likelihood(folder: Path, trace: Trace) -> float:
    model = load_model(str(folder), dtype="float64")
    gold = [encode(model.tokenizer, q.prompt, q.completion) for q in queries() if q.group == "gold"]

    def likelihood() -> float:
        with torch.no_grad():
            return -sum(float(token_losses(model, one).sum()) for one in gold)

    before = likelihood()
    modules = linear_modules(model)
    gradient = autograd(model, modules, encode(model.tokenizer, trace.prompt, trace.response))
    with torch.no_grad():
        for module in modules:
            module.module.weight -= 1e-5 * gradient[module.name]
    return likelihood() - before


def test_the_same_request_again_is_answered_by_the_same_run(scored: Project, model_folder: Path) -> None:
    again = score(scored, ask_for(model_folder))
    assert again.already_there
    assert len(scored.runs) == 1


def test_batching_and_slicing_change_nothing(
    scored: Project, project: Project, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_TRACES", 3)
    run_id = score(project, ask_for(model_folder, token_budget=25)).run_id
    one = values(scored, open_catalogue(scored).rows("SELECT run_id FROM run")[0][0])
    other = values(project, run_id)
    assert one.keys() == other.keys()
    for name in {name for name, _ in one}:
        ours = np.array([one[key] for key in sorted(one) if key[0] == name])
        theirs = np.array([other[key] for key in sorted(one) if key[0] == name])
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * np.abs(ours).max(), err_msg=name)


def test_bfloat16_and_float32_agree(scored: Project, project: Project, model_folder: Path) -> None:
    single = values(project, score(project, ask_for(model_folder, dtype="float32")).run_id)
    half = values(project, score(project, ask_for(model_folder, dtype="bfloat16")).run_id)
    double = values(scored, open_catalogue(scored).rows("SELECT run_id FROM run")[0][0])
    ids = [t.trace_id for t in TRACES]
    for name in ("influence/gold", "perplexity", "gradient-norm", "rsr"):
        exact = np.array([double[name, i] for i in ids])
        np.testing.assert_allclose(
            [single[name, i] for i in ids], exact, rtol=1e-2, atol=1e-3 * np.abs(exact).max()
        )
        assert np.corrcoef(exact, [half[name, i] for i in ids])[0, 1] > 0.98, name


def test_an_adapters_layers_are_the_ones_attributed(
    project: Project, model_folder: Path, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    adapted = get_peft_model(
        base, LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path / "adapter")
    run_id = score(project, ask_for(model_folder, adapter=str(tmp_path / "adapter"))).run_id
    catalogue = open_catalogue(project)
    coverage = json.loads(catalogue.rows("SELECT coverage FROM run")[0][0])
    assert coverage["modules"] == 2 * 2 * 2
    assert coverage["left_out"]["base model under the adapter"] > 0
    parts = catalogue.rows(
        """SELECT s.value, t.value FROM scores s JOIN
           (SELECT trace_id, name, sum(value) AS value FROM steps GROUP BY ALL) t USING (trace_id, name)
           WHERE name = 'influence/gold' AND s.run_id = $1""",
        [run_id],
    )
    whole, sums = np.array(parts).T
    np.testing.assert_allclose(whole, sums, rtol=1e-5, atol=1e-6 * np.abs(whole).max())
