import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.errors import ProjectError, ScoringError, SelectionError, SourceError
from curation.models.train import TrainSettings
from curation.store.project import Project
from curation.validation.answers import Asking
from curation.validation.comparison import Comparison, Validation
from curation.validation.problems import read_problems
from curation.validation.validate import validate
from tests.validation.project import scored_project

SETTINGS = TrainSettings(learning_rate=2e-3, warmup=0.05, epochs=2, batch_size=16, at_once=16)


@pytest.fixture
def comparison(base: str) -> Comparison:
    recipes = ("influence:gold", "mid-ppl")
    return Comparison(recipes, base, SETTINGS, seeds=2, asking=Asking(max_new_tokens=40), device="cpu")


def contents(project: Project) -> dict[str, Any]:
    """What is kept of each training, but for how long it took."""
    kept = {}
    for path in (project.root / "validation").glob("*.json"):
        if path.name != "progress.json":
            kept[path.name] = json.loads(path.read_bytes())
            assert kept[path.name]["trial"].pop("seconds") > 0
    return kept


def test_a_comparison_from_end_to_end_is_deterministic_cached_and_resumed(
    tmp_path: Path, project: Project, comparison: Comparison, problems_file: str
) -> None:
    problems = read_problems(problems_file)
    told: list[str] = []
    first = validate(project, comparison, problems, on_cost=told.append)
    assert "6 trainings (3 recipes, 2 seeds) of 8 optimiser steps each" in told[0]
    assert "0 are there, 6 to do" in told[0]
    _check_rows(first)
    assert re.fullmatch(r"5 of 6 trainings done; about \d+ seconds? left\.", told[-1])
    kept = contents(project)
    assert len(kept) == 6

    again = validate(project, comparison, problems, on_cost=told.append)
    assert told[-1].endswith("6 are there, 0 to do.")
    assert again == first

    lost = sorted(kept)[0]
    (project.root / "validation" / lost).unlink()
    (project.root / "validation" / sorted(kept)[1]).write_text('{"trial": {"cut')
    assert validate(project, comparison, problems, on_cost=told.append) == first
    assert re.search(r"4 are there, 2 to do, in about \d+ seconds?\.$", told[-2])
    assert contents(project).items() >= kept.items()

    elsewhere = scored_project(tmp_path / "elsewhere")
    assert validate(elsewhere, comparison, problems) == first
    assert contents(elsewhere).items() >= kept.items()


def _check_rows(done: Validation) -> None:
    assert [row.name for row in done.rows] == ["random", "influence:gold", "mid-ppl"]
    assert {row.traces for row in done.rows} == {30}
    assert {trial.steps for trial in done.trials} == {8}
    assert len({trial.log_likelihood for trial in done.trials}) == 6
    random = [trial for trial in done.trials if trial.name == "random"]
    for row in done.rows[1:]:
        own = [trial for trial in done.trials if trial.name == row.name]
        differences = [a.log_likelihood - b.log_likelihood for a, b in zip(own, random, strict=True)]
        assert row.log_likelihood_minus_random is not None
        assert row.log_likelihood_minus_random.mean == pytest.approx(sum(differences) / 2)
        assert row.accuracy is not None
    assert any("Two seeds" in note for note in done.notes)
    assert not any("chose with" in note for note in done.notes)


def test_training_helps_and_the_report_says_what_it_is_worth(
    project: Project, comparison: Comparison
) -> None:
    one = replace(comparison, recipes=("influence:gold",), seeds=1)
    little = validate(project, replace(one, settings=replace(SETTINGS, learning_rate=1e-9)))
    much = validate(project, one)
    assert much.rows[1].log_likelihood > little.rows[1].log_likelihood + 0.05
    assert "holds 12 of the 12 held-out problems" in " ".join(much.notes)
    assert "One seed" in " ".join(much.notes)
    assert re.search(
        r"\| random \| 50% \| 30 \| - \| -\d\.\d{4} \| - \| - \| \d\.\d{3} \| - \| - \|", much.markdown
    )
    assert re.search(
        r"\| influence:gold \| 50% \| 30 \| - \| -\d\.\d{4} \| [+-]\d\.\d{4} \(no interval\)", much.markdown
    )
    assert "influence:gold, keeping 50%: in log-likelihood one seed: nothing can be said" in much.markdown
    assert "8 optimiser steps of 16 traces, as many as 2 passes over the whole pool" in much.markdown


def test_every_answer_of_a_trial_is_kept(project: Project, comparison: Comparison) -> None:
    done = validate(project, replace(comparison, recipes=("random",), seeds=1), limit=5)
    (name,) = [name for name in contents(project) if name.startswith("random")]
    kept = contents(project)[name]
    assert len(kept["answers"]) == done.trials[0].graded == 5
    assert sum(bool(one["is_correct"]) for one in kept["answers"]) / 5 == done.trials[0].accuracy
    assert len(kept["trace_ids"]) == kept["trial"]["traces"] == 30
    assert kept["recipe"]["recipe"] == "random"
    assert not list((project.root / "validation").glob("*.model*"))


def test_other_settings_are_other_trials(project: Project, comparison: Comparison) -> None:
    one = replace(comparison, recipes=("random",), seeds=1)
    told: list[str] = []
    for other in (
        one,
        replace(one, keep=(0.4,)),
        replace(one, settings=replace(SETTINGS, learning_rate=1e-3)),
    ):
        validate(project, other, limit=2, on_cost=told.append)
    validate(project, one, limit=3, on_cost=told.append)
    assert all("0 are there, 1 to do" in words for words in told)


def test_prompts_that_were_learned_are_pointed_out(
    project: Project, comparison: Comparison, tmp_path: Path
) -> None:
    from tests.validation.project import POOL, write_rows

    rows = [{"prompt": trace.prompt, "completion": trace.response} for trace in POOL.traces[:3]]
    problems = read_problems(write_rows(tmp_path / "seen.jsonl", rows))
    done = validate(project, replace(comparison, recipes=("random",), seeds=1), problems)
    assert any("3 of the 3 held-out prompts are also prompts of traces" in note for note in done.notes)


def test_what_cannot_be_compared_is_refused(project: Project, comparison: Comparison, tmp_path: Path) -> None:
    for wrong in ({"recipes": ()}, {"keep": ()}, {"keep": (0.5, 0.0)}, {"keep": (1.5,)}, {"seeds": 0}):
        with pytest.raises(ScoringError):
            replace(comparison, **wrong)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="no recipe 'best'"):
        replace(comparison, recipes=("best",))
    with pytest.raises(SourceError, match="--problems"):
        validate(project, replace(comparison, group="none"))
    import fcntl

    (project.root / "validation").mkdir(exist_ok=True)
    with (project.root / "validation" / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ProjectError, match="Another process"):
            validate(project, comparison)
