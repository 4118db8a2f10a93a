from dataclasses import replace

from curation.store.catalogue import open_catalogue
from curation.store.kept_answers import Answer, read_answers
from curation.store.project import Project
from curation.validation.answers import Asking
from curation.validation.rollouts import group_queries, rollouts

ANSWER = Answer("id", "p", "s", "4", "#### 4", 3, True, "4", "marked", True, "m", "r")
WRONG = replace(ANSWER, completion="#### 5", is_correct=False)


def groups(project: Project) -> dict[str, list[tuple[str, str, bool, str]]]:
    catalogue = open_catalogue(project)
    rows = catalogue.rows('SELECT "group", prompt, completion, is_correct, source FROM queries ORDER BY ALL')
    catalogue.close()
    found: dict[str, list[tuple[str, str, bool, str]]] = {}
    for group, *rest in rows:
        found.setdefault(group, []).append(tuple(rest))
    return found


def test_answers_become_groups_once(project: Project, base: str, problems_file: str) -> None:
    asking = Asking(max_new_tokens=64)
    done = rollouts(project, problems_file, model=base, asking=asking, device="cpu")
    answers = read_answers(project.root / done.model.file)
    found = groups(project)
    for group, is_correct in (("correct", True), ("incorrect", False)):
        expected = {
            (one.prompt, one.completion) for one in answers if one.is_correct == is_correct and one.finished
        }
        assert {(prompt, completion) for prompt, completion, _, _ in found[group]} == expected
        assert done.added[group] == len(expected) > 0
        assert {(is_right, source) for _, _, is_right, source in found[group]} == {
            (is_correct, done.model.file)
        }
    assert done.model.accuracy == done.model.correct / 24
    again = rollouts(project, problems_file, model=base, asking=asking, device="cpu")
    assert again.added == {"correct": 0, "incorrect": 0}
    assert groups(project) == found


def test_a_limit_that_cuts_every_answer_makes_no_query_and_says_so(
    project: Project, base: str, problems_file: str
) -> None:
    done = rollouts(project, problems_file, model=base, asking=Asking(max_new_tokens=3), device="cpu")
    assert (done.added, done.model.cut_off, done.model.correct) == ({}, 24, 0)
    assert any("24 answers reached the limit" in note for note in done.notes)


def test_a_group_that_mixes_sources_is_pointed_out(project: Project, base: str, problems_file: str) -> None:
    rollouts(project, problems_file, model=base, asking=Asking(max_new_tokens=64), device="cpu", limit=20)
    done = rollouts(project, problems_file, model=base, asking=Asking(max_new_tokens=65), device="cpu")
    assert any("Group incorrect also holds" in note for note in done.notes)


def test_transitions_compare_with_the_base() -> None:
    answers = [ANSWER, ANSWER, WRONG, WRONG]
    before = [WRONG, ANSWER, ANSWER, WRONG]
    answers = [replace(one, prompt=f"p{place}") for place, one in enumerate(answers)]
    found = [(query.group, query.prompt, query.is_correct) for query in group_queries(answers, before)]
    assert found == [
        ("correct", "p0", True),
        ("correct", "p1", True),
        ("incorrect", "p2", False),
        ("incorrect", "p3", False),
        ("wrong-to-right", "p0", True),
        ("right-to-wrong", "p2", False),
    ]
    assert {query.system for query in group_queries(answers, before)} == {"s"}


def test_ungraded_empty_and_cut_answers_are_no_queries() -> None:
    left_out = [
        replace(ANSWER, is_correct=None),
        replace(WRONG, completion=" \n"),
        replace(ANSWER, finished=False),
    ]
    assert group_queries(left_out) == []
