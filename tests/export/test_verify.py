"""What verify finds, and what it must not mind."""

import json
import shutil
from pathlib import Path

import pytest

from curation.errors import ProjectError
from curation.export.formats import FORMATS
from curation.export.sink import file_sha256
from curation.export.verify import Verification, verify
from curation.export.write import export
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.database import connect
from curation.store.decisions import decide, undo
from curation.store.project import Project, open_project
from tests.projects import add_batch, add_queries, add_run, project_of, short_traces

IDS = [f"trace-{i:02d}" for i in range(20)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = project_of(tmp_path / "p", IDS)
    add_queries(project, {"gold": 5})
    add_run(project, "r1", {"influence/gold": {trace_id: float(i) for i, trace_id in enumerate(IDS)}})
    save_selection(project, "half", Recipe("influence"))
    decide(project, [IDS[19]], "veto", reason="wrong step")
    return project


@pytest.fixture
def path(project: Project) -> Path:
    path = project.root / "exports" / "half.jsonl"
    export(project, "half", "messages", path)
    assert verify(path).ok
    return path


def failed(verification: Verification) -> set[str]:
    assert verification.ok == all(check.ok for check in verification.checks)
    return {check.what for check in verification.checks if not check.ok}


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_every_check_of_a_sound_export(path: Path) -> None:
    found = [check.what for check in verify(path).checks]
    inputs = ["batches/0001.duckdb", "queries/0001.duckdb", "runs/r1.duckdb", "selections/half.toml"]
    assert found == ["manifest", "file", *inputs, "decisions", "selection", "content"]
    assert verify(path.with_name("half.jsonl.manifest.json")).ok


@pytest.mark.parametrize("format", FORMATS)
def test_what_comes_later_does_not_matter(project: Project, format: str, tmp_path: Path) -> None:
    path = tmp_path / f"half.{format}"
    export(project, "half", format, path)
    add_batch(project, short_traces(3), ["later-1", "later-2", IDS[0]])
    add_queries(project, {"gold": 2, "correct": 1})
    add_run(project, "r2", {"influence/gold": dict.fromkeys(IDS, 0.0)}, day=9)
    decide(project, IDS[:5], "keep")
    undo(project)
    undo(project)
    assert failed(verify(path)) == set()
    assert (
        export(project, "half", format, tmp_path / "again").selected_sha256
        != json.loads((tmp_path / f"half.{format}.manifest.json").read_text())["selected_sha256"]
    )


@pytest.mark.parametrize("position", [0, 100, -1])
def test_one_byte_of_the_file(path: Path, position: int) -> None:
    flip(path, position)
    assert failed(verify(path)) == {"file"}


@pytest.mark.parametrize("name", ["batches/0001.duckdb", "queries/0001.duckdb", "runs/r1.duckdb"])
@pytest.mark.parametrize("position", [0, 5000, -1])
def test_one_byte_of_an_input(project: Project, path: Path, name: str, position: int) -> None:
    flip(project.root / name, position)
    assert failed(verify(path)) == {name, "selection"}


def test_the_saved_recipe(project: Project, path: Path) -> None:
    save_selection(project, "half", Recipe("influence", keep=0.4))
    assert failed(verify(path)) == {"selections/half.toml"}


def test_the_recipe_in_the_manifest(path: Path) -> None:
    place = path.with_name("half.jsonl.manifest.json")
    manifest = json.loads(place.read_text())
    manifest["recipe"]["keep"] = 0.4
    place.write_text(json.dumps(manifest))
    assert failed(verify(path)) == {"selection", "content"}


def test_an_edited_decision(project: Project, path: Path) -> None:
    with connect(project.decisions) as log:
        log.execute("UPDATE decisions SET reason = 'filler'")
    assert failed(verify(path)) == {"decisions"}
    with connect(project.decisions) as log:
        log.execute("DELETE FROM decisions")
    assert failed(verify(path)) == {"decisions", "selection", "content"}


def test_an_edited_file_with_a_matching_hash(project: Project, path: Path) -> None:
    """Who changes the file and the hash in the manifest is found by deriving the file again."""
    path.write_text(path.read_text().replace("What is", "What are", 1))
    place = path.with_name("half.jsonl.manifest.json")
    manifest = json.loads(place.read_text()) | {"sha256": file_sha256(path)}
    place.write_text(json.dumps(manifest))
    assert failed(verify(path)) == {"content"}


def test_missing_pieces_are_named(project: Project, path: Path) -> None:
    (project.root / "runs" / "r1.duckdb").rename(project.root / "runs" / "r1.away")
    verification = verify(path)
    assert failed(verification) == {"runs/r1.duckdb", "selection"}
    assert "runs/r1.duckdb is missing from the project; restore it." in [
        check.detail for check in verification.checks
    ]
    path.unlink()
    assert "file" in failed(verify(path))
    path.with_name("half.jsonl.manifest.json").unlink()
    assert [check.what for check in verify(path).checks] == ["manifest"]


def test_an_export_that_was_moved(project: Project, path: Path, tmp_path: Path) -> None:
    away = tmp_path / "elsewhere" / "deep"
    away.mkdir(parents=True)
    for each in path.parent.iterdir():
        shutil.move(each, away)
    assert failed(verify(away / path.name)) == {"project"}
    assert verify(away / path.name, project).ok
    shutil.move(project.root, tmp_path / "moved")
    assert verify(away / path.name, open_project(tmp_path / "moved")).ok
    with pytest.raises(ProjectError):
        open_project(project.root)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"../../etc/passwd": ""}},
        {"inputs": {"batches/..": ""}},
        {"inputs": {"batches/\0": ""}},
        {"project": "\0"},
    ],
)
def test_a_manifest_that_points_elsewhere(path: Path, change: dict[str, object]) -> None:
    place = path.with_name("half.jsonl.manifest.json")
    place.write_text(json.dumps(json.loads(place.read_text()) | change))
    assert failed(verify(path)) & {"project", "selection"}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"file": 1}', "\udcff"])
def test_a_damaged_manifest(path: Path, text: str) -> None:
    path.with_name("half.jsonl.manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    assert failed(verify(path)) == {"manifest"}
