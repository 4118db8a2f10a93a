"""Difficulty is counted from kept answers, by problem; what nobody answered has none."""

from pathlib import Path

import pytest

from curation.errors import ProjectError
from curation.scoring.difficulty import failure_rates
from curation.scoring.request import SCORES, ScoreRequest, parse_scores
from curation.scoring.score import score
from curation.selection.recipes import Recipe
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.kept_answers import Answer, append, only_writer
from curation.store.project import Project
from tests.scoring.conftest import TRACES, values


def keep(project: Project, name: str, said: list[tuple[str, str, bool | None]]) -> None:
    (project.root / "rollouts").mkdir(exist_ok=True)
    answers = [
        Answer(f"id{i}", prompt, system, "4", "answer", 5, True, "4", "marked", right, "m", "r")
        for i, (system, prompt, right) in enumerate(said)
    ]
    with only_writer(project.root / "rollouts" / f"{name}.jsonl") as file:
        append(file, answers)


def ask_for(model: Path, scores: str) -> ScoreRequest:
    return ScoreRequest(str(model), scores=parse_scores(scores), device="cpu", steps="none")


def test_it_is_the_share_of_wrong_answers_of_all_models(project: Project, model_folder: Path) -> None:
    first, second, third = (trace.prompt for trace in TRACES[:3])
    keep(
        project, "one", [("", first, False), ("", first, True), ("", second, True), ("be brief", third, True)]
    )
    keep(project, "two", [("", first, False), ("", first, None), ("", "of no trace", False)])
    assert failure_rates(project)["", first] == pytest.approx(2 / 3)
    done = score(project, ask_for(model_folder, "difficulty"))
    found = [value for (name, _), value in values(project, done.run_id).items() if name == "difficulty"]
    assert len(found) == len(TRACES)
    by_trace = values(project, done.run_id)
    assert by_trace["difficulty", TRACES[0].trace_id] == pytest.approx(2 / 3)
    assert by_trace["difficulty", TRACES[1].trace_id] == 0
    assert by_trace["difficulty", TRACES[2].trace_id] is None  # asked with another system message
    assert not done.notes
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*) FROM unscored")[0][0] == 0
    made = select(catalogue, Recipe("select2reason", count=5))
    assert set(made.selected_ids) == {trace.trace_id for trace in TRACES[:2]}
    assert "difficulty was not computed" in made.why_of(made.trace_ids.index(TRACES[2].trace_id))
    catalogue.close()


def test_without_answers_it_says_so(project: Project, model_folder: Path) -> None:
    done = score(project, ask_for(model_folder, "difficulty"))
    assert "--no-queries" in done.notes[0]
    assert {value for (name, _), value in values(project, done.run_id).items() if name == "difficulty"} == {
        None
    }


def test_a_damaged_file_is_named(project: Project, model_folder: Path) -> None:
    (project.root / "rollouts").mkdir()
    (project.root / "rollouts" / "m.jsonl").write_text('{"prompt": 3}\n')
    with pytest.raises(ProjectError, match=r"rollouts/m\.jsonl"):
        score(project, ask_for(model_folder, "difficulty"))


def test_all_leaves_it_out() -> None:
    assert parse_scores("all") == SCORES
    assert parse_scores("all,difficulty") == (*SCORES, "difficulty")
