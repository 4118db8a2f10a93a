import fcntl
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from curation.errors import ProjectError
from curation.models.load import LanguageModel, load_model
from curation.scoring.progress import Reporter
from curation.store.kept_answers import Answer, read_answers
from curation.store.project import Project
from curation.validation.answers import Asking, answers_path, ask
from curation.validation.problems import Problem, read_problems

ASKING = Asking(max_new_tokens=64, token_budget=600)


@pytest.fixture
def problems(problems_file: str) -> list[Problem]:
    return read_problems(problems_file)


@pytest.fixture
def report(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "progress.json", None)


def broken(model: LanguageModel, base: str) -> LanguageModel:
    """The same model by name and revision, whose weights can only say one thing."""
    other = load_model(base, device="cpu")
    with torch.no_grad():
        other.module.get_output_embeddings().weight.zero_()  # type: ignore[operator]
    return replace(model, module=other.module)


def test_every_answer_is_kept_with_its_verdict(
    project: Project, model: LanguageModel, problems: list[Problem], report: Reporter
) -> None:
    answers = ask(project, model, problems, asking=ASKING, report=report)
    assert [one.problem_id for one in answers] == [one.problem_id for one in problems]
    kept = read_answers(answers_path(project, model, ASKING))
    assert sorted(kept, key=lambda one: one.problem_id) == sorted(answers, key=lambda one: one.problem_id)
    assert 0 < sum(bool(one.is_correct) for one in answers) < len(answers)
    for one in answers:
        assert one.is_correct == one.completion.endswith(f"The answer is {one.reference}.")
        assert (one.model, one.revision) == (model.name, model.revision)


def test_nothing_is_asked_twice(
    project: Project, model: LanguageModel, base: str, problems: list[Problem], report: Reporter
) -> None:
    first = ask(project, model, problems[:10], asking=ASKING, report=report)
    path = answers_path(project, model, ASKING)
    before = path.read_bytes()
    mute = broken(model, base)
    assert ask(project, mute, problems[:10], asking=ASKING, report=report) == first
    assert path.read_bytes() == before
    more = ask(project, mute, problems, asking=ASKING, report=report)
    assert more[:10] == first
    assert path.read_bytes().startswith(before)
    assert not any(one.completion.endswith(".") for one in more[10:])


def test_a_line_cut_off_by_a_kill_is_asked_again_and_ends_the_same(
    project: Project, model: LanguageModel, problems: list[Problem], report: Reporter
) -> None:
    answers = ask(project, model, problems, asking=ASKING, report=report)
    path = answers_path(project, model, ASKING)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert 0 < len(read_answers(path)) < len(problems)
    assert ask(project, model, problems, asking=ASKING, report=report) == answers
    assert path.read_bytes() == whole


def test_other_weights_templates_and_limits_have_files_of_their_own(
    project: Project, model: LanguageModel
) -> None:
    paths = {
        answers_path(project, model, ASKING),
        answers_path(project, model, Asking(max_new_tokens=65)),
        answers_path(replace(project, template="{prompt}"), model, ASKING),
        answers_path(project, replace(model, revision="other"), ASKING),
        answers_path(project, replace(model, adapter="../../etc/passwd"), ASKING),
    }
    assert len(paths) == 5
    assert {path.parent for path in paths} == {project.root / "rollouts"}
    assert answers_path(project, model, replace(ASKING, token_budget=1)) in paths


def test_two_processes_do_not_write_at_once(
    project: Project, model: LanguageModel, problems: list[Problem], report: Reporter
) -> None:
    path = answers_path(project, model, ASKING)
    path.parent.mkdir()
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ProjectError, match="Another process"):
            ask(project, model, problems, asking=ASKING, report=report)


def test_a_damaged_line_is_named(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"problem_id": 1}\n')
    with pytest.raises(ProjectError, match="Line 1 of"):
        read_answers(path)


def test_a_problem_without_reference_gets_no_verdict(
    project: Project, model: LanguageModel, report: Reporter
) -> None:
    (answer,) = ask(project, model, [Problem("Who?", "Nobody knows\nyet.")], asking=ASKING, report=report)
    assert isinstance(answer, Answer)
    assert answer.is_correct is None
