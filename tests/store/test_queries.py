"""Query groups from files: by name, by is_correct, or both; spread over prompts; once each."""

import json
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from curation.errors import SourceError
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.store.queries import add_queries, load_queries, publish_queries
from curation.traces.query import Query
from curation.traces.rows import Unreadable
from curation.traces.shapes import Fields

GSM8K = Path(__file__).parents[2] / "../shared/data/gsm8k"


def write(path: Path, lines: list[object]) -> str:
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return str(path)


def judged(prompt: str, completion: str, is_correct: object) -> dict[str, Any]:
    return {"prompt": prompt, "completion": completion, "is_correct": is_correct}


def loaded(project: Project) -> list[Query]:
    return load_queries(open_catalogue(project))


def test_a_named_group(project: Project, tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.jsonl", [{"question": "1 + 1?", "answer": "2"}, {"question": "2?", "answer": "2"}]
    )
    assert add_queries(project, source, group="gold") == {"gold": 2}
    assert loaded(project) == [Query("gold", "1 + 1?", "2"), Query("gold", "2?", "2")]


def test_is_correct_makes_the_groups_when_none_is_named(project: Project, tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.jsonl", [judged("p", "a", True), judged("p", "b", False), judged("q", "c", 1)]
    )
    assert add_queries(project, source, group=None) == {"correct": 2, "incorrect": 1}
    assert loaded(project) == [
        Query("correct", "p", "a", True),
        Query("correct", "q", "c", True),
        Query("incorrect", "p", "b", False),
    ]


def test_a_named_verdict_takes_only_its_rows(project: Project, tmp_path: Path) -> None:
    rows = [judged("p", "a", True), judged("p", "b", False), {"prompt": "p", "completion": "c"}]
    source = write(tmp_path / "a.jsonl", [*rows])
    assert add_queries(project, source, group="incorrect") == {"incorrect": 2}
    assert [query.completion for query in loaded(project)] == ["b", "c"]
    assert add_queries(project, source, group="all") == {"all": 3}


def test_rows_that_are_no_query_are_told_with_their_reason(project: Project, tmp_path: Path) -> None:
    lines = [
        judged("p", "a", True),
        b"{",
        judged("p", "b", "perhaps"),
        {"prompt": "p", "completion": "c"},
        judged("p", "", True),
        judged("p", "\ud800", True),
        {**judged("p", "d", True), "token_weights": [1, "2"]},
    ]
    rejected: list[Unreadable] = []
    source = write(tmp_path / "a.jsonl", lines)
    assert add_queries(project, source, group=None, on_rejected=rejected.append) == {"correct": 1}
    reasons = [
        "Not valid JSON",
        "is_correct is 'perhaps'",
        "The row has no is_correct",
        "The response is empty",
        "lone surrogate",
        "token_weights holds something that is not a number",
    ]
    assert [row.number for row in rejected] == [2, 3, 4, 5, 6, 7]
    assert all(reason in row.reason for reason, row in zip(reasons, rejected, strict=True))


@pytest.mark.parametrize("weights", [[], "1", [True], [None], [float("inf")], [1e39], [-(10**400)], {"a": 1}])
def test_weights_that_are_no_finite_numbers_are_rejected(
    project: Project, tmp_path: Path, weights: Any
) -> None:
    row = {"prompt": "p", "completion": "c", "token_weights": weights}
    with pytest.raises(SourceError, match="holds no query; the first row: token_weights"):
        add_queries(project, write(tmp_path / "a.jsonl", [row]), group="gold")


def test_weights_and_system_come_back_and_keep_the_id(project: Project, tmp_path: Path) -> None:
    row = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "p"},
            {"role": "assistant", "content": "c"},
        ],
        "token_weights": [1, 0.1, -2.5],
    }
    add_queries(project, write(tmp_path / "a.jsonl", [row]), group="margin")
    (query,) = loaded(project)
    assert query == Query("margin", "p", "c", None, tuple(array("f", [1, 0.1, -2.5])), "Be brief.")
    assert open_catalogue(project).rows("SELECT query_id FROM queries") == [(query.query_id,)]


def test_the_same_queries_again_change_nothing(project: Project, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [judged("p", "a", True), judged("p", "a", True)])
    assert add_queries(project, source, group="correct") == {"correct": 1}
    files = project.files
    assert add_queries(project, source, group="correct") == {"correct": 0}
    assert project.files == files
    assert add_queries(project, source, group="gold") == {"gold": 1}


def test_limit_is_per_group_and_spreads_over_prompts(project: Project, tmp_path: Path) -> None:
    rows = [judged(f"p{n // 4}", f"c{n}", n % 2 == 0) for n in range(12)]
    source = write(tmp_path / "a.jsonl", [*rows])
    assert add_queries(project, source, group=None, limit=4) == {"correct": 4, "incorrect": 4}
    taken = [query.completion for query in loaded(project)]
    assert taken == ["c0", "c2", "c4", "c8", "c1", "c3", "c5", "c9"]


def test_limit_reads_no_further_than_it_must(project: Project, tmp_path: Path) -> None:
    rejected: list[Unreadable] = []
    source = write(tmp_path / "a.jsonl", [judged("p", "a", True), judged("q", "b", True), b"{"])
    assert add_queries(project, source, group="gold", limit=2, on_rejected=rejected.append) == {"gold": 2}
    assert rejected == []


def test_model_solutions_beside_each_other_are_queries_of_one_prompt(
    project: Project, tmp_path: Path
) -> None:
    row = {
        "question": "1 + 1?",
        "ground_truth": "A: 2",
        "small": {"is_correct": False, "solution": "A: 3"},
        "large": {"is_correct": True, "solution": "A: 2"},
        "broken": {"is_correct": True, "solution": 5},
    }
    rejected: list[Unreadable] = []
    source = write(tmp_path / "a.jsonl", [row])
    found = add_queries(project, source, group=None, on_rejected=rejected.append)
    assert found == {"incorrect": 1, "correct": 1}
    assert loaded(project) == [
        Query("correct", "1 + 1?", "A: 2", True),
        Query("incorrect", "1 + 1?", "A: 3", False),
    ]
    assert [row.reason for row in rejected] == ["The field 'solution' is not a text but int."]


@pytest.mark.parametrize(
    ("group", "limit", "reason"),
    [(None, None, "must be named with --group"), (" ", None, "name is empty"), ("gold", 0, "limit of 0")],
)
def test_wrong_use_is_one_sentence(
    project: Project, tmp_path: Path, group: str | None, limit: int | None, reason: str
) -> None:
    source = write(tmp_path / "a.jsonl", [{"prompt": "p", "completion": "c"}])
    with pytest.raises(SourceError, match=reason):
        add_queries(project, source, group=group, limit=limit)
    assert project.files == ()


def test_fields_by_hand_and_queries_made_in_code(project: Project, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [{"q": "p", "r": "c"}])
    assert add_queries(project, source, group="gold", fields=Fields(prompt="q", response="r")) == {"gold": 1}
    made = [Query("gold", "p", "c"), Query("contrast", "p", "c", None, (1.0, -1.0))]
    assert publish_queries(project, made, source="contrast") == {"gold": 0, "contrast": 1}
    assert loaded(project) == [made[1], made[0]]


@pytest.mark.skipif(not GSM8K.is_dir(), reason="needs ../shared/data/gsm8k")
def test_gsm8k(project: Project) -> None:
    assert add_queries(project, str(GSM8K / "test.jsonl"), group="gold", limit=16) == {"gold": 16}
    for group in ("correct", "incorrect"):
        source = str(GSM8K / "example_model_solutions.jsonl")
        assert add_queries(project, source, group=group, limit=16) == {group: 16}
    found = loaded(project)
    assert Counter(query.group for query in found) == {"gold": 16, "correct": 16, "incorrect": 16}
    assert len({(query.group, query.prompt) for query in found}) == 48
    assert {(query.group, query.is_correct) for query in found} == {
        ("gold", None),
        ("correct", True),
        ("incorrect", False),
    }
