"""Verdicts on scores: each finding says what its numbers say, and no more."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from curation.selection.agreement import agreement
from curation.store.catalogue import open_catalogue
from curation.store.overview import runs
from curation.store.project import Project
from curation.validation.agreement_findings import agreement_finding, length_finding
from curation.validation.finding import Finding, markdown, overall
from curation.validation.past import past_comparisons
from curation.validation.reliability import Reliability
from curation.validation.sampling_findings import curvature_finding, models_finding, queries_finding
from curation.validation.training_finding import training_finding
from curation.validation.trial import Trial
from curation.validation.trust import trust


@pytest.mark.parametrize(("mean", "verdict"), [(0.9, "believe"), (0.7, "be careful"), (0.3, "do not use")])
def test_other_queries(mean: float, verdict: str) -> None:
    found = queries_finding(
        {"gold": Reliability(mean, mean - 0.1, 1.0, 12), "correct": None},
        {"gold": 0.25, "correct": float("nan")},
    )
    assert found.verdict == verdict
    assert (
        f"12 other queries like those of gold would rank the traces with a correlation of about {mean:.2f}"
        in found.words
    )
    assert [(row[0], row[-1]) for row in found.rows] == [("gold", "25%"), ("correct", "—")]
    assert queries_finding({"gold": None}, {"gold": 0.1}).verdict == "not known"


@pytest.mark.parametrize(
    ("rho", "verdict"), [(0.99, "believe"), (0.9, "be careful"), (0.2, "do not use"), (None, "not known")]
)
def test_another_sample(rho: float | None, verdict: str) -> None:
    assert curvature_finding({"gold": rho, "correct": 1.0}).verdict == verdict


@pytest.mark.parametrize(("rho", "verdict"), [(0.8, "believe"), (0.5, "be careful"), (0.2, "do not use")])
def test_other_models(rho: float, verdict: str) -> None:
    found = models_finding(3, {"gold": rho, "correct": None})
    assert found.verdict == verdict
    # Spearman and Brown: of three halves-alike measures r, the reliability of their sum.
    assert found.rows == (("gold", f"{rho:.2f}", f"{3 * rho / (1 + 2 * rho):.2f}"), ("correct", "—", "—"))
    assert models_finding(1, {"gold": None}).verdict == "not known"


def agreed(**weights: float) -> object:
    """Influence, and scores that go with it as strongly as they are asked to."""
    random = np.random.default_rng(0)
    base = random.normal(size=4_000)
    columns = {"influence/gold": base}
    for name, share in weights.items():
        own = random.normal(size=len(base))
        columns[name.replace("_", "/")] = share * base + np.sqrt(1 - share**2) * own
    return agreement(list(columns), list(columns.values()))


@pytest.mark.parametrize(("share", "verdict"), [(0.2, "believe"), (-0.7, "be careful"), (0.95, "do not use")])
def test_length_in_disguise(share: float, verdict: str) -> None:
    found = length_finding(agreed(tokens=share))
    assert found.verdict == verdict
    assert ("longer" in found.words) == (verdict != "believe" and share > 0)
    assert ("shorter" in found.words) == (share < -0.5)
    assert length_finding(agreed(rsr=0.1)).verdict == "not known"


@pytest.mark.parametrize(
    ("share", "verdict", "said"),
    [
        (0.5, "believe", "no other score in disguise"),
        (0.97, "be careful", "costs less"),
        (0.01, "be careful", "nothing else"),
    ],
)
def test_other_scores(share: float, verdict: str, said: str) -> None:
    found = agreement_finding(agreed(perplexity=share, tokens=0.99))
    assert (found.verdict, said in found.words) == (verdict, True)
    assert agreement_finding(agreed(tokens=0.5)).verdict == "not known"


def test_right_and_wrong_completions_that_rank_alike_are_told() -> None:
    random = np.random.default_rng(0)
    base, own = random.normal(size=(2, 3_000))
    names = ["influence/gold", "influence/correct", "influence/incorrect", "perplexity"]
    columns = [base + 0.5 * own, base, base + 0.1 * own, base + own]
    assert "recipes that read both have little to go by" in agreement_finding(agreement(names, columns)).words


def keep_trial(project: Project, name: str, seed: int, likelihood: float, **other: object) -> None:
    """A training's file, as `validate` leaves it."""
    folder = project.root / "validation"
    folder.mkdir(exist_ok=True)
    kept = {
        "trial": asdict(Trial(name, seed, 30, 8, likelihood, None, 0)),
        "recipe": {"keep": 0.5},
        "model": "base",
        "revision": "a",
        "lora": False,
        "settings": {"seed": seed, "epochs": 1.0 + seed, "learning_rate": 1e-3},
        "asking": {"max_new_tokens": 40},
        "answers": [{"problem_id": "p"}],
    } | other
    (folder / f"{name}-{seed}-{kept['revision']}.json").write_text(json.dumps(kept))


def test_trainings_are_compared_with_random_where_they_are_alike(project: Project) -> None:
    assert training_finding(past_comparisons(project)).verdict == "not known"
    for seed in range(3):
        keep_trial(project, "random", seed, -1.0 - seed / 100)
        keep_trial(project, "influence", seed, -0.9 - seed / 100 + seed / 1000)
        keep_trial(project, "mid-ppl", seed, -1.1 - seed / 100 + seed / 1000)
    keep_trial(project, "influence", 0, 5.0, revision="of another model, without random")
    (project.root / "validation" / "cut.json").write_text('{"trial": {')
    (past,) = past_comparisons(project)
    assert [row.name for row in past.rows] == ["random", "influence", "mid-ppl"]
    assert past.rows[1].log_likelihood_minus_random is not None
    assert past.rows[1].log_likelihood_minus_random.mean == pytest.approx(0.101)
    found = training_finding([past])
    assert found.verdict == "believe"
    assert [row[0] for row in found.rows] == ["influence", "mid-ppl"]
    assert "worse than random" in found.rows[1][3]


def test_one_seed_is_no_proof(project: Project) -> None:
    keep_trial(project, "random", 0, -1.0)
    keep_trial(project, "influence", 0, -0.5)
    assert training_finding(past_comparisons(project)).verdict == "be careful"


def test_a_run_is_judged_by_all_that_is_known(project: Project) -> None:
    catalogue = open_catalogue(project)
    findings = trust(catalogue, runs(catalogue)[0])
    catalogue.close()
    assert {one.question.split()[1]: one.verdict for one in findings if one.verdict != "not known"} == {
        "any": "believe"
    }
    assert len(findings) == 7
    assert overall(findings) == "be careful"
    said = markdown(findings)
    assert all(one.question in said and one.words in said for one in findings)


def test_the_worst_verdict_is_the_whole_one() -> None:
    good = Finding("?", "believe", "")
    assert overall([good]) == "believe"
    assert overall([good, Finding("?", "not known", "")]) == "be careful"
    assert overall([good, Finding("?", "do not use", ""), Finding("?", "be careful", "")]) == "do not use"
