"""`curation audit`, `drivers` and `unlearn`: answers in JSON and in words, what is kept, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.cli import main
from curation.demo.make_base import BASE
from curation.demo.problems import right_response
from curation.store.project import Project, create_project
from curation.validation.past import past_comparisons
from curation.validation.unlearned import kept_unlearned
from tests.validation.project import POOL, scored_project, write_rows

QUICK = ("--learning-rate", "1e-4", "--batch-size", "8", "--max-new-tokens", "40", "--device", "cpu")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return scored_project(tmp_path / "project")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(one) for one in arguments])
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    status, out, err = run(capsys, *arguments, "--json")
    assert status == 0, err
    read: dict[str, Any] = json.loads(out)
    return read


def test_the_audit_names_the_one_template(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    told = answer(capsys, "audit", project.root)
    template, tone, apart = told["findings"]
    assert template["verdict"] == "be careful"
    assert "First · the answer is" in template["rows"][0]
    assert tone["verdict"] == apart["verdict"] == "not known"
    status, out, _ = run(capsys, "audit", project.root)
    assert status == 0
    assert "Is it all one template?" in out
    assert run(capsys, "audit", project.root, "--human", "nobody")[0] == 1


def test_an_empty_project_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_project(tmp_path / "empty")
    status, _, err = run(capsys, "audit", tmp_path / "empty")
    assert (status, "no traces" in err) == (1, True)


def test_drivers_answer_for_a_score_of_the_run(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    told = answer(capsys, "drivers", project.root, "--score", "influence/gold")
    assert told["traces"] == 60
    assert {one["name"] for one in told["drivers"]} >= {"characters", "numbers", "prompt length"}
    assert run(capsys, "drivers", project.root, "--score", "nonsense")[0] == 1


def test_unlearning_is_kept_and_not_repeated(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": one.prompt, "completion": right_response(one)} for one in POOL.test[:8]]
    problems = write_rows(tmp_path / "problems.jsonl", rows)
    lowest = ("select", project.root, "--recipe", "bottom-ppl", "--count", "6", "--name", "few")
    assert run(capsys, *lowest)[0] == 0
    usual = (*QUICK, "--warmup", 0.5, "--optimizer", "sgd")
    asked = ("unlearn", project.root, "--model", BASE, "--problems", problems, "--selection", "few", *usual)
    first = answer(capsys, *asked, "--seeds", 2)
    assert (first["traces"], len(first["own"]), len(first["random"])) == (6, 2, 2)
    assert first["before"]["graded"] == 8
    status, _, err = run(capsys, *asked, "--seeds", 2)
    assert (status, "4 are there, 0 to do" in err) == (0, True)
    (kept,) = kept_unlearned(project)
    assert kept.as_dict()["differences"] == first["differences"]
    # What was unlearned is no comparison of selections.
    assert past_comparisons(project) == []
    files = sorted((project.root / "validation" / "unlearn").glob("*-[01]-*.json"))
    assert len(files) == 4
    sets = [json.loads(one.read_text()) for one in files]
    for one in sets:
        assert (one["settings"]["warmup"], one["settings"]["optimizer"]) == (0.5, "sgd")
        assert len(one["forget_ids"]) == len(one["trace_ids"]) == 6
        assert not set(one["forget_ids"]) & set(one["trace_ids"])
    files[0].write_text("damaged")
    assert answer(capsys, *asked, "--seeds", 2)["differences"] == first["differences"]


def test_what_cannot_be_forgotten_is_refused(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = write_rows(tmp_path / "p.jsonl", [{"prompt": "a", "completion": "b"}])
    asked = ("unlearn", project.root, "--model", BASE, "--problems", problems)
    assert run(capsys, *asked)[0] == 2
    assert run(capsys, *asked, "--cluster", 0, "--template", "x")[0] == 2
    assert run(capsys, *asked, "--kind", "nonsense")[0] == 2
    assert "no map" in run(capsys, *asked, "--cluster", 0)[2]
    assert "no template" in run(capsys, *asked, "--template", "nonsense")[2]
    template = answer(capsys, "audit", project.root)["findings"][0]["rows"][0][0]
    assert "less than half" in run(capsys, *asked, "--template", template)[2]
