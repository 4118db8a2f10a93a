"""The mean of runs: values against plain arithmetic, forms anew, what cannot be put together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from curation.errors import ProjectError, ScoringError
from curation.scoring.consensus import consensus
from curation.scoring.ensemble import ensemble
from curation.scoring.score import score
from curation.selection.recipes import Recipe
from curation.selection.resolve import resolve
from curation.store.catalogue import open_catalogue
from curation.store.columns import score_by_trace
from curation.store.frame import frame_of
from curation.store.overview import find_run
from curation.store.project import Project
from curation.store.query_values import query_values
from curation.traces.trace import Trace
from curation.validation.trust import trust
from tests.scoring.conftest import TRACES, WORDS, ask_for, fill, values
from tests.tiny import save_tiny


@pytest.fixture
def runs(project: Project, model_folder: Path, tmp_path: Path) -> list[str]:
    other = save_tiny(tmp_path / "other", "llama", WORDS, seed=1)
    return [score(project, ask_for(model)).run_id for model in (model_folder, other)]


def test_every_value_is_the_mean(project: Project, runs: list[str]) -> None:
    made = values(project, ensemble(project, runs).run_id)
    parts = [values(project, run) for run in runs]
    averaged = [
        key for key in made if key[0].partition("/")[0] in ("influence", "perplexity", "rds", "tokens")
    ]
    assert len(averaged) >= 6 * len(TRACES)
    for key in averaged:
        assert made[key] == pytest.approx((parts[0][key] + parts[1][key]) / 2, rel=1e-12)


def test_consensus_and_recipes_are_of_the_mean_by_query(project: Project, runs: list[str]) -> None:
    run_id = ensemble(project, runs).run_id
    catalogue = open_catalogue(project)
    names = frame_of(catalogue).names
    mean = np.mean([query_values(catalogue, run, "gold", names).values for run in runs], axis=0)
    assert query_values(catalogue, run_id, "gold", names).values == pytest.approx(mean, rel=1e-12)
    found = score_by_trace(catalogue, run_id, "influence-consensus/gold")
    assert found == pytest.approx(consensus(mean), rel=1e-9)
    # The newest run that has what a recipe reads is the ensemble.
    assert resolve(catalogue, Recipe("influence-consensus")).run_id == run_id
    catalogue.close()


def test_steps_are_averaged(project: Project, runs: list[str]) -> None:
    run_id = ensemble(project, runs).run_id
    catalogue = open_catalogue(project)
    steps = {
        run: {
            tuple(key): value
            for *key, value in catalogue.rows(
                "SELECT trace_id, step, start, stop, name, value FROM steps WHERE run_id = $1", [run]
            )
        }
        for run in (*runs, run_id)
    }
    catalogue.close()
    assert len(steps[run_id]) == len(steps[runs[0]]) > len(TRACES)
    for key, value in steps[run_id].items():
        assert value == pytest.approx((steps[runs[0]][key] + steps[runs[1]][key]) / 2, rel=1e-12)


def test_it_says_how_far_the_models_agree(project: Project, runs: list[str]) -> None:
    done = ensemble(project, runs)
    catalogue = open_catalogue(project)
    both = [score_by_trace(catalogue, run, "influence/gold") for run in runs]
    expected = spearmanr(*both).statistic
    run = find_run(catalogue, done.run_id)
    assert run.parameters["agreement"]["influence/gold"] == pytest.approx(expected, abs=1e-4)
    assert run.members == tuple(runs)
    findings = [one for one in trust(catalogue, run) if "another reference model" in one.question]
    catalogue.close()
    (found,) = findings
    assert found.verdict == "do not use"  # Two random models have nothing in common.
    assert f"{expected:+.2f}" in " ".join(done.notes)


def test_it_is_made_once_whatever_the_order(project: Project, runs: list[str]) -> None:
    first = ensemble(project, runs)
    again = ensemble(project, runs[::-1])
    assert (again.run_id, again.already_there) == (first.run_id, True)


def test_what_cannot_be_put_together(project: Project, runs: list[str], model_folder: Path) -> None:
    with pytest.raises(ScoringError, match="two runs or more"):
        ensemble(project, [runs[0], runs[0]])
    with pytest.raises(ProjectError, match="no run nowhere"):
        ensemble(project, [runs[0], "nowhere"])
    made = ensemble(project, runs).run_id
    with pytest.raises(ScoringError, match="is an ensemble itself"):
        ensemble(project, [runs[0], made])
    plain = score(project, replace(ask_for(model_folder), scores=("perplexity",))).run_id
    perplexity = ensemble(project, [runs[0], plain]).run_id
    assert {name for name, _ in values(project, perplexity)} == {"perplexity", "tokens", "steps"}
    fill(project, [Trace("add 9 9", "9 + 9")], with_queries=False)
    later = score(project, ask_for(model_folder)).run_id
    with pytest.raises(ScoringError, match="not about the same traces"):
        ensemble(project, [runs[0], later])


def test_a_trace_that_one_model_cannot_score_has_no_score(
    project: Project, model_folder: Path, tmp_path: Path
) -> None:
    fill(project, [Trace("add 1 1", " ".join(["1 + 1"] * 12))], with_queries=False)
    asked = [ask_for(model_folder), ask_for(model_folder, max_tokens=24)]
    done = ensemble(project, [score(project, one).run_id for one in asked])
    catalogue = open_catalogue(project)
    rows = catalogue.rows(
        "SELECT s.value FROM scores s JOIN unscored u USING (run_id, trace_id) WHERE run_id = $1",
        [done.run_id],
    )
    names = len(catalogue.rows("SELECT DISTINCT name FROM scores WHERE run_id = $1", [done.run_id]))
    catalogue.close()
    assert rows == [(None,)] * names
