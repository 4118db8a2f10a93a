import json
from dataclasses import asdict, replace

import pytest

from curation.models.load import LanguageModel
from curation.models.sampling import GREEDY, Sampling
from curation.scoring.progress import Reporter
from curation.store.kept_answers import Answer, read_answers
from curation.store.project import Project
from curation.traces.query import Query
from curation.validation.answer_groups import group_queries, mostly_right
from curation.validation.answers import Asking, answers_path, ask
from curation.validation.problems import Problem, read_problems
from curation.validation.rollouts import rollouts

ASKING = Asking(max_new_tokens=40, token_budget=600)
THREE = Sampling(3, temperature=1.0)
RIGHT = Answer("id", "p", "", "4", "#### 4", 3, True, "4", "marked", True, "m", "r")
WRONG = replace(RIGHT, completion="#### 5", is_correct=False)
CUT = replace(WRONG, completion="so", finished=False)


@pytest.fixture
def problems(problems_file: str) -> list[Problem]:
    return read_problems(problems_file)[:5]


def test_samples_stand_side_by_side_and_are_the_same_again(
    project: Project, model: LanguageModel, problems: list[Problem]
) -> None:
    answers = ask(project, model, problems, asking=ASKING, sampling=THREE, report=Reporter())
    expected = [(one.problem_id, sample) for one in problems for sample in (1, 2, 3)]
    assert [one.key for one in answers] == expected
    assert len({(one.problem_id, one.completion) for one in answers}) > len(problems)
    path = answers_path(project, model, ASKING, THREE)
    whole = path.read_bytes()
    path.unlink()
    assert ask(project, model, problems, asking=ASKING, sampling=THREE, report=Reporter()) == answers
    assert path.read_bytes() == whole
    others = ask(project, model, problems, asking=ASKING, sampling=replace(THREE, seed=1), report=Reporter())
    assert [one.completion for one in others] != [one.completion for one in answers]


def test_killed_samples_go_on_as_if_undisturbed(
    project: Project, model: LanguageModel, problems: list[Problem]
) -> None:
    answers = ask(project, model, problems, asking=ASKING, sampling=THREE, report=Reporter())
    path = answers_path(project, model, ASKING, THREE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert ask(project, model, problems, asking=ASKING, sampling=THREE, report=Reporter()) == answers
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_more_samples_and_more_problems_are_added_to_those_that_are_there(
    project: Project, model: LanguageModel, problems: list[Problem]
) -> None:
    one = Sampling(1, temperature=1.0)
    few = ask(project, model, problems[:3], asking=ASKING, sampling=one, report=Reporter())
    path = answers_path(project, model, ASKING, one)
    assert path == answers_path(project, model, ASKING, THREE)
    before = path.read_bytes()
    more = ask(project, model, problems, asking=ASKING, sampling=THREE, report=Reporter())
    assert path.read_bytes().startswith(before)
    assert [one for one in more if one.sample == 1][:3] == few
    path.unlink()
    assert ask(project, model, problems, asking=ASKING, sampling=THREE, report=Reporter()) == more


def test_every_setting_of_drawing_has_a_file_of_its_own(project: Project, model: LanguageModel) -> None:
    changed = [{"temperature": 0.5}, {"top_p": 0.9}, {"seed": 1}]
    paths = {answers_path(project, model, ASKING, one) for one in (GREEDY, THREE)}
    paths |= {answers_path(project, model, ASKING, replace(THREE, **one)) for one in changed}  # type: ignore[arg-type]
    assert len(paths) == 5


def test_greedy_answers_of_before_there_were_samples_are_found_and_not_asked_again(
    project: Project, model: LanguageModel, problems: list[Problem]
) -> None:
    path = answers_path(replace(project, template="plain"), replace(model, revision="r"), Asking(512))
    assert path.name == "base-47de63ce1194.jsonl"
    answers = ask(project, model, problems, asking=ASKING, report=Reporter())
    path = answers_path(project, model, ASKING)
    rows = [{name: value for name, value in asdict(one).items() if name != "sample"} for one in answers]
    path.write_text("".join(json.dumps({**row, "completion": "#### 1"}) + "\n" for row in rows))
    before = path.read_bytes()
    again = ask(project, model, problems, asking=ASKING, report=Reporter())
    assert again == read_answers(path) == [replace(one, completion="#### 1") for one in answers]
    assert path.read_bytes() == before


def named(queries: list[Query]) -> list[tuple[str, str]]:
    return [(query.group, query.completion) for query in queries]


def test_identical_completions_of_a_problem_count_once() -> None:
    answers = [RIGHT, RIGHT, WRONG, WRONG, CUT, replace(RIGHT, completion="4")]
    assert named(group_queries(answers, samples=6)) == [
        ("correct", "#### 4"),
        ("correct", "4"),
        ("incorrect", "#### 5"),
    ]
    other = [replace(one, prompt="q") for one in answers]
    assert len(group_queries([*answers, *other], samples=6)) == 6


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([WRONG, WRONG, RIGHT], [RIGHT, RIGHT, WRONG], [("wrong-to-right", "#### 4")]),
        ([WRONG, CUT, RIGHT], [RIGHT, RIGHT, RIGHT], [("wrong-to-right", "#### 4")]),
        ([RIGHT, RIGHT, WRONG], [CUT, WRONG, RIGHT], [("right-to-wrong", "#### 5")]),
        ([WRONG, WRONG, RIGHT], [RIGHT, WRONG, WRONG], []),
        ([RIGHT, RIGHT, RIGHT], [RIGHT, RIGHT, WRONG], []),
    ],
)
def test_a_problem_changes_sides_by_the_majority(
    before: list[Answer], after: list[Answer], expected: list[tuple[str, str]]
) -> None:
    queries = group_queries(after, before, samples=3)
    assert [one for one in named(queries) if "-to-" in one[0]] == expected


def test_a_tie_is_no_verdict() -> None:
    assert mostly_right([RIGHT, WRONG]) is None
    assert mostly_right([RIGHT, replace(RIGHT, is_correct=None)]) is None
    assert (mostly_right([RIGHT]), mostly_right([WRONG])) == (True, False)
    assert not [one for one in named(group_queries([RIGHT] * 2, [RIGHT, WRONG], 2)) if "-to-" in one[0]]


def test_rollouts_count_problems_and_answers(project: Project, base: str, problems_file: str) -> None:
    done = rollouts(
        project, problems_file, model=base, base=base, asking=ASKING, sampling=THREE, limit=8, device="cpu"
    )
    answers = read_answers(project.root / done.model.file)
    right = [one for one in answers if one.is_correct]
    assert (done.model.problems, done.model.answers, done.model.graded) == (8, 24, 24)
    assert (done.model.correct, done.model.solved) == (len(right), len({one.problem_id for one in right}))
    assert done.model.accuracy == len(right) / 24
    assert done.base == done.model
    assert done.added["correct"] == len({(one.problem_id, one.completion) for one in right if one.finished})
