"""`curation duplicates`: the JSON, the words, the ends."""

import json
from pathlib import Path

import pytest

from curation.cli import main
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.projects import add_batch


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = create_project(tmp_path / "project")
    words = " ".join(f"w{n}" for n in range(99))
    add_batch(made, [Trace("p", f"{words} {end}") for end in ("a", "b", "c")] + [Trace("q", "alone")])
    return made


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["duplicates", *map(str, arguments)])
    return int(stop.value.code or 0)


def test_groups_are_published_and_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project.root, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "threshold": 0.8,
        "traces": 4,
        "groups": 1,
        "near_duplicates": 3,
        "file": "duplicates/0001.duckdb",
    }
    sizes = open_catalogue(project).rows('SELECT "group", count(*) FROM near_duplicates GROUP BY ALL')
    assert sizes == [(0, 3)]
    assert run(project.root, "--threshold", "0.99") == 0
    assert "Of 4 traces, 0 are near-duplicates" in capsys.readouterr().out


def test_wrong_use_and_failure_end_with_their_own_status(tmp_path: Path, project: Project) -> None:
    assert run(project.root, "--threshold", "2") == 2
    assert run(project.root, "--seed", "-1") == 2
    assert run(create_project(tmp_path / "empty").root) == 1
    assert [path.name for path in project.duplicates] == []
