from pathlib import Path

import pytest

from curation.errors import SourceError
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.store.queries import publish_queries
from curation.traces.query import Query
from curation.traces.rows import Unreadable
from curation.validation.problems import problems_of_group, read_problems
from tests.validation.project import write_rows


@pytest.mark.parametrize(
    ("row", "solution", "reference"),
    [
        ({"question": "q", "answer": "2 + 2 = 4\n#### 4"}, "2 + 2 = 4\n#### 4", "4"),
        (
            {"problem": "q", "solution": "so \\boxed{\\frac{1}{2}}", "answer": "1/2"},
            "so \\boxed{\\frac{1}{2}}",
            "1/2",
        ),
        ({"problem": "q", "solution": "so \\boxed{7}"}, "so \\boxed{7}", "7"),
        ({"question": "q", "answer": "B"}, "B", "B"),
        (
            {"prompt": "q", "completion": "First, 1 + 1 = 2.\nThe answer is 2."},
            "First, 1 + 1 = 2.\nThe answer is 2.",
            "2",
        ),
        ({"prompt": "q", "completion": "It began\nlong ago."}, "It began\nlong ago.", ""),
    ],
)
def test_shapes_of_problems(tmp_path: Path, row: dict[str, str], solution: str, reference: str) -> None:
    (problem,) = read_problems(write_rows(tmp_path / "p.jsonl", [row]))
    assert (problem.prompt, problem.solution, problem.reference) == ("q", solution, reference)


def test_each_problem_is_read_once_up_to_the_limit_and_the_rest_is_named(tmp_path: Path) -> None:
    rows = [{"question": f"q{i // 2}", "answer": "#### 4"} for i in range(8)]
    source = write_rows(tmp_path / "p.jsonl", [{"question": "no answer"}, *rows])
    rejected: list[Unreadable] = []
    problems = read_problems(source, limit=3, on_rejected=rejected.append)
    assert [one.prompt for one in problems] == ["q0", "q1", "q2"]
    assert [one.source_row for one in problems] == [2, 4, 6]
    assert [one.number for one in rejected] == [1]


def test_a_file_without_problems_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no problem.*No response is recognised"):
        read_problems(write_rows(tmp_path / "p.jsonl", [{"question": "q"}]))


def test_a_group_gives_each_prompt_once_without_wrong_and_weighted_completions(tmp_path: Path) -> None:
    project = create_project(tmp_path / "project")
    publish_queries(
        project,
        [
            Query("gold", "p1", "a\n#### 1", None),
            Query("gold", "p1", "b\n#### 1", True),
            Query("gold", "p2", "a\n#### 2", False),
            Query("gold", "p3", "a b", None, (1.0, 0.0)),
            Query("gold", "p4", "a\n#### 4", True, system="s"),
            Query("other", "p5", "a\n#### 5"),
        ],
        source="here",
    )
    catalogue = open_catalogue(project)
    found = problems_of_group(catalogue, "gold")
    assert [(one.prompt, one.system, one.solution, one.reference) for one in found] == [
        ("p1", "", "a\n#### 1", "1"),
        ("p4", "s", "a\n#### 4", "4"),
    ]
    with pytest.raises(SourceError, match=r"group 'none' \(groups: gold, other\)"):
        problems_of_group(catalogue, "none")
    catalogue.close()


def test_the_demo_gold_group_can_be_graded(project: Project) -> None:
    catalogue = open_catalogue(project)
    assert all(one.reference.isdigit() for one in problems_of_group(catalogue, "gold"))
    catalogue.close()
