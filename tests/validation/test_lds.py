"""LDS against worlds where the answer is known, and the bank of retrained models from end to end."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from transformers import AutoModelForCausalLM, AutoTokenizer

from curation.errors import ScoringError
from curation.models.encode import encode
from curation.models.train import TrainSettings, train
from curation.selection.choose import order_by_lot
from curation.selection.traces import read_traces
from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.project import Project
from curation.store.queries import load_queries
from curation.validation.bank import Bank
from curation.validation.lds import Lds, ceiling, lds
from curation.validation.lds_report import LdsReport, LdsRow, keep_report, kept_report, lds_report
from curation.validation.retrains import BankPlan, bank_key, part_of, retrain
from curation.validation.training_finding import retraining_finding
from tests.projects import add_run
from tests.validation.project import scored_project

SETTINGS = TrainSettings(learning_rate=2e-3, warmup=0.05, epochs=1, batch_size=16, at_once=16)


def world(noise: float, parts: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, parts and what training gives, where training adds up what traces do, and some noise."""
    random = np.random.default_rng(0)
    scores = random.normal(size=(5, 200))
    inside = np.stack([random.permutation(200) < 100 for _ in range(parts)])
    measured = inside @ scores.T
    return scores, inside, measured + noise * measured.std() * random.normal(size=measured.shape)


def test_scores_that_say_what_training_does_have_one() -> None:
    scores, inside, measured = world(0.0)
    found = lds(scores, inside, measured)
    assert [found.mean_query, found.single, found.low, found.high] == pytest.approx([1.0] * 4)
    assert lds(-scores, inside, measured).mean_query == pytest.approx(-1.0)


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_it_is_spearman_s_correlation_over_parts(noise: float) -> None:
    scores, inside, measured = world(noise)
    found = lds(scores, inside, measured)
    predicted = np.array([[row[part].sum() for row in scores] for part in inside])
    assert found.mean_query == pytest.approx(spearmanr(predicted.mean(1), measured.mean(1))[0])
    single = [spearmanr(predicted[:, one], measured[:, one])[0] for one in range(5)]
    assert found.single == pytest.approx(np.mean(single))
    assert found.low < found.mean_query < found.high
    assert found.parts == 80


def test_a_score_that_knows_no_queries_says_the_same_of_all() -> None:
    scores, inside, measured = world(0.5)
    assert lds(scores.mean(0)[None], inside, measured).mean_query == pytest.approx(
        lds(scores, inside, measured).mean_query
    )
    assert np.isnan(lds(np.zeros((1, 200)), inside, measured).mean_query)


def test_two_seeds_bound_what_can_be_asked() -> None:
    random = np.random.default_rng(1)
    shared = random.normal(size=(60, 1, 4))
    both = np.concatenate([shared, shared + 0.1 * random.normal(size=shared.shape)], axis=1)
    assert ceiling(both) == pytest.approx(spearmanr(both[:, 0].mean(-1), both[:, 1].mean(-1))[0])
    assert ceiling(shared) is None


def test_a_bank_is_deterministic_resumed_and_grows(tmp_path: Path, project: Project, base: str) -> None:
    plan = BankPlan(base, SETTINGS, models=2, device="cpu")
    told: list[str] = []
    first = retrain(project, plan, on_cost=told.append)
    assert told == ["2 trainings on 50% of 60 traces each; 0 are there, 2 to do."]
    assert first.log_likelihood.shape == (2, 1, 12)
    assert first.inside.sum(1).tolist() == [30, 30]
    assert not np.array_equal(first.inside[0], first.inside[1])
    (folder,) = (project.root / "validation" / "retrains").iterdir()
    (folder / "1-0.json").write_text('{"log_likelihood": {"cut')
    grown = retrain(project, replace(plan, models=3), on_cost=told.append)
    assert told[-1] == "3 trainings on 50% of 60 traces each; 1 are there, 2 to do."
    assert np.array_equal(grown.log_likelihood[:2], first.log_likelihood)
    elsewhere = retrain(scored_project(tmp_path / "elsewhere"), plan)
    assert np.array_equal(elsewhere.log_likelihood, first.log_likelihood)
    by_hand = _by_hand(project, plan, tmp_path / "by-hand")
    np.testing.assert_allclose(first.log_likelihood[0, 0], by_hand, rtol=1e-3)


def test_a_part_takes_the_steps_of_the_whole_or_its_own_passes(
    tmp_path: Path, project: Project, base: str
) -> None:
    """60 traces in batches of 16 are four steps, the 30 of a half two: as many as two passes over the half."""
    plan = BankPlan(base, SETTINGS, models=2, device="cpu")
    own = replace(plan, equal_steps=False)
    catalogue = open_catalogue(project)
    assert bank_key(catalogue, plan) != bank_key(catalogue, own)
    catalogue.close()
    steps, epochs, twice = (
        retrain(project, one).log_likelihood
        for one in (plan, own, replace(own, settings=replace(SETTINGS, epochs=2)))
    )
    np.testing.assert_array_equal(steps, twice)
    assert not np.allclose(steps, epochs, rtol=1e-3)
    by_hand = _by_hand(project, own, tmp_path / "by-hand", steps=None)
    np.testing.assert_allclose(epochs[0, 0], by_hand, rtol=1e-3)


def _by_hand(
    project: Project, plan: BankPlan, output: Path, *, shuffled: bool = True, steps: int | None = 4
) -> list[float]:
    """Log-likelihood of each query after training on part 0, by transformers alone."""
    catalogue = open_catalogue(project)
    ids = frame_of(catalogue).names_of(np.flatnonzero(part_of(catalogue, 0, plan.share)))
    traces = read_traces(catalogue, ids)
    if not shuffled:
        traces = [traces[place] for place in order_by_lot(0, ids)]
    settings = replace(plan.settings, shuffled=shuffled)
    train(plan.model, traces, output, template="plain", settings=settings, steps=steps)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(output), AutoTokenizer.from_pretrained(output)
    found = {}
    for query in load_queries(catalogue):
        one = encode(tokenizer, query.prompt, query.completion, template="plain")
        with torch.no_grad():
            logits = model(torch.tensor([one.ids])).logits[0].log_softmax(-1)
        steps = range(one.prompt_length, len(one.ids))
        found[query.query_id] = sum(float(logits[t - 1, one.ids[t]]) for t in steps)
    catalogue.close()
    return [found[name] for name in sorted(found)]


@pytest.mark.parametrize("names", [("trajectory/gold", "tracin/gold"), ("influence/gold", "perplexity")])
def test_a_run_that_kept_no_single_queries_is_measured_by_its_means(
    project: Project, names: tuple[str, str]
) -> None:
    catalogue = open_catalogue(project)
    frame = frame_of(catalogue)
    queries = sorted(query.query_id for query in load_queries(catalogue))
    catalogue.close()
    random = np.random.default_rng(3)
    scores = random.normal(size=len(frame))
    by_trace = dict(zip(frame.names, scores.tolist(), strict=True))
    other = {name: -value for name, value in by_trace.items()}
    add_run(project, "run-2", dict(zip(names, (by_trace, other), strict=True)))
    inside = np.stack([random.permutation(len(frame)) < 30 for _ in range(40)])
    bank = Bank(tuple(queries), inside, np.repeat((inside @ scores)[:, None, None], len(queries), 2))
    catalogue = open_catalogue(project)
    rows = {row.score: row.lds.mean_query for row in lds_report(catalogue, "run-2", bank).rows}
    catalogue.close()
    assert rows == {names[0]: pytest.approx(1.0), names[1]: pytest.approx(-1.0)}


def test_every_score_of_a_run_is_measured_and_trust_says_so(project: Project) -> None:
    catalogue = open_catalogue(project)
    frame = frame_of(catalogue)
    queries = sorted(query.query_id for query in load_queries(catalogue))
    catalogue.close()
    random = np.random.default_rng(2)
    scores = random.normal(size=(len(queries), len(frame)))
    mean = dict(zip(frame.names, scores.mean(0).tolist(), strict=True))
    values = {"influence/gold": mean, "perplexity": {name: -value for name, value in mean.items()}}
    single = {
        query: dict(zip(frame.names, row, strict=True))
        for query, row in zip(queries, scores.tolist(), strict=True)
    }
    add_run(project, "run-2", values, query_scores=single)
    inside = np.stack([random.permutation(len(frame)) < 30 for _ in range(40)])
    bank = Bank(tuple(queries), inside, (inside @ scores.T)[:, None])
    catalogue = open_catalogue(project)
    report = lds_report(catalogue, "run-2", bank)
    with pytest.raises(ScoringError, match="no influence on the queries"):
        lds_report(catalogue, "run-2", replace(bank, query_ids=tuple(f"other-{one}" for one in queries)))
    catalogue.close()
    assert [(row.score, row.group) for row in report.rows] == [
        ("influence/gold", "gold"),
        ("perplexity", "gold"),
    ]
    assert [row.lds.mean_query for row in report.rows] == pytest.approx([1.0, -1.0])
    assert kept_report(project, "run-2") is None
    keep_report(project, report)
    assert kept_report(project, "run-2") == report
    assert "| influence/gold | gold | +1.00 |" in report.markdown
    found = retraining_finding(kept_report(project, "run-2"))
    assert (found.verdict, "40 random parts at +1.00" in found.words) == ("believe", True)
    assert retraining_finding(None).verdict == "not known"
    (project.root / "validation" / "lds" / "run-2.json").write_text("{")
    assert kept_report(project, "run-2") is None


@pytest.mark.parametrize(("low", "verdict"), [(0.3, "believe"), (0.05, "be careful"), (-0.1, "do not use")])
def test_the_lower_end_decides(low: float, verdict: str) -> None:
    found = Lds(low + 0.1, low, low + 0.2, single=0.1, parts=50)
    report = LdsReport("run", (LdsRow("influence/gold", "gold", found),), {"gold": None})
    assert retraining_finding(report).verdict == verdict


@pytest.mark.parametrize("wrong", [{"models": 1}, {"seeds": 0}, {"share": 1.0}, {"share": 0.0}])
def test_a_bank_that_cannot_be_meant_is_refused(wrong: dict[str, float], base: str) -> None:
    with pytest.raises(ScoringError):
        BankPlan(base, SETTINGS, **wrong)


def test_halves_in_one_fixed_order_are_another_bank_than_halves_in_drawn_ones(
    tmp_path: Path, project: Project, base: str
) -> None:
    drawn, fixed = (
        retrain(project, BankPlan(base, SETTINGS, 2, 1, device="cpu", shuffled=shuffled))
        for shuffled in (True, False)
    )
    np.testing.assert_array_equal(drawn.inside, fixed.inside)
    assert not np.array_equal(drawn.log_likelihood, fixed.log_likelihood)
    # The settings' own seed would shuffle another way; in a fixed order only the lots of the bank's seed matter.
    by_hand = _by_hand(project, BankPlan(base, replace(SETTINGS, seed=5)), tmp_path / "m", shuffled=False)
    np.testing.assert_allclose(fixed.log_likelihood[0, 0], by_hand, rtol=1e-3)
