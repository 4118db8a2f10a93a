"""A project folder is made once, opened anywhere, and named plainly when something is wrong with it."""

import tomllib
from pathlib import Path

import pytest

from curation.errors import ProjectError
from curation.store.project import FOLDERS, Defaults, create_project, open_project, save_settings


def test_a_new_project_opens_again_as_it_was_made(tmp_path: Path) -> None:
    made = create_project(tmp_path / "a" / "b", name='Traces "1" é', template="Q: {prompt}\nA:")
    assert open_project(tmp_path / "a" / "b") == made
    assert (made.name, made.template) == ('Traces "1" é', "Q: {prompt}\nA:")
    assert all((made.root / folder).is_dir() for folder in FOLDERS)
    assert made.files == ()


def test_a_project_is_named_for_its_folder(tmp_path: Path) -> None:
    made = create_project(tmp_path / "mine")
    assert (made.name, made.template) == ("mine", "auto")


@pytest.mark.parametrize("content", ["project.toml", "notes.txt"])
def test_nothing_that_is_there_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / content).write_text("mine")
    with pytest.raises(ProjectError, match=r"already is a project|is there and not empty"):
        create_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [content]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(ProjectError, match="choose a new folder"):
        create_project(tmp_path / "a")


def test_a_template_without_a_prompt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no \{prompt\} in it"):
        create_project(tmp_path / "a", template="Question:")
    assert not (tmp_path / "a").exists()


def test_a_folder_that_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"is not a project; make one with `curation init"):
        open_project(tmp_path)


HOSTILE = 'a "name"\n[defaults]\nreviewer = "b" \u202e = \x07'


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    made = create_project(tmp_path / "a", name="mine")
    assert made.defaults == Defaults()
    saved = save_settings(made, template=f"{{prompt}} {HOSTILE}", defaults=Defaults(HOSTILE, "alpaca"))
    assert saved == open_project(made.root)
    assert (saved.name, saved.template) == ("mine", f"{{prompt}} {HOSTILE}")
    assert saved.defaults == Defaults(HOSTILE, "alpaca")
    assert save_settings(saved, template="auto", defaults=Defaults()) == made
    assert sorted(path.name for path in made.root.iterdir() if path.is_file()) == ["project.toml"]


def test_what_settings_do_not_know_stays(tmp_path: Path) -> None:
    text = 'name = "mine"\nowner = {team = "x"}\n\n[defaults]\ncolour = 3\nreviewer = "ann"\n'
    (tmp_path / "project.toml").write_text(text)
    save_settings(open_project(tmp_path), template="plain", defaults=Defaults(export_format="sharegpt"))
    assert tomllib.loads((tmp_path / "project.toml").read_text()) == {
        "name": "mine",
        "owner": {"team": "x"},
        "template": "plain",
        "defaults": {"colour": 3, "export_format": "sharegpt"},
    }


def test_settings_that_cannot_be_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    made = create_project(tmp_path / "a")
    before = (made.root / "project.toml").read_bytes()
    with pytest.raises(ProjectError, match=r"no \{prompt\} in it"):
        save_settings(made, template="Question:", defaults=Defaults("ann"))
    assert (made.root / "project.toml").read_bytes() == before
    (made.root / "project.toml").write_text("= 1")
    with pytest.raises(ProjectError, match="mend or restore it"):
        save_settings(made, template="auto", defaults=Defaults("ann"))
    assert (made.root / "project.toml").read_text() == "= 1"


@pytest.mark.parametrize(
    "content", [b"", b"name =", b"\xff\xfe", b'template = "auto"', b'name = "a"\ndefaults = 3']
)
def test_damaged_settings_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "project.toml").write_bytes(content)
    with pytest.raises(ProjectError, match=r"project\.toml cannot be read"):
        open_project(tmp_path)


def test_only_finished_files_count_as_published(tmp_path: Path) -> None:
    project = create_project(tmp_path / "a")
    for name in ("0002.duckdb", "0001.duckdb", "next-12.part", "next-12.part.wal", ".lock"):
        (project.root / "batches" / name).write_bytes(b"")
    (project.root / "runs" / "r.part").mkdir()
    assert project.files == ("batches/0001.duckdb", "batches/0002.duckdb")
