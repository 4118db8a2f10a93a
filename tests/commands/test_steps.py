"""`curation decide-steps`, and what a training makes of vetoed steps, through the command line."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curation.demo.make_base import BASE
from curation.store.catalogue import open_catalogue
from tests.commands.test_prove import run, run_json
from tests.validation.project import scored_project

QUICK = ("--epochs", 1, "--batch-size", 16, "--at-once", 16)


def test_bulk_vetoes_are_tried_made_trained_around_and_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = scored_project(tmp_path / "project")
    root = project.root
    status, _, err = run(capsys, "decide-steps", root, "--recipe", "grace")
    assert status == 1
    assert "No run has grace by step; `curation score --scores all,grace --steps all` makes one" in err
    run_json(capsys, "score", root, "--model", BASE, "--scores", "grace", "--dtype", "float32")
    run_json(capsys, "select", root, "--recipe", "random", "--keep", 1, "--name", "all")
    asked = ("decide-steps", root, "--recipe", "grace", "--share", 0.3, "--selection", "all")
    tried = run_json(capsys, *asked, "--dry-run")
    assert (tried["number"], tried["dry_run"], tried["score"]) == (0, True, "grace")
    assert 0.25 < tried["share"] <= 0.3
    run_json(capsys, "train", root, "--model", BASE, "-o", tmp_path / "whole", "--selection", "all", *QUICK)

    done = run_json(capsys, *asked, "--actor", "ann")
    assert {**done, "number": 0, "dry_run": True} == tried
    assert done["number"] == done["steps"]
    with_catalogue = open_catalogue(project)
    rows = with_catalogue.rows("SELECT DISTINCT verdict, reason, actor, batch FROM decisions")
    assert rows == [("veto", "grace recipe", "ann", 1)]
    with_catalogue.close()
    assert run_json(capsys, *asked)["steps"] == 0
    run_json(capsys, "train", root, "--model", BASE, "-o", tmp_path / "masked", "--selection", "all", *QUICK)
    assert run_json(capsys, "undo", root)["traces"] == done["traces"]
    run_json(capsys, "train", root, "--model", BASE, "-o", tmp_path / "again", "--selection", "all", *QUICK)
    whole, masked, again = (
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "masked", "again")
    )
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert not any(torch.equal(whole[name], masked[name]) for name in whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipe", "nonsense"), "no recipe 'nonsense' for steps"),
        (("--recipe", "grace", "--share", "2"), "up to 1"),
        (("--recipe", "segments", "--group", "gold"), "takes no group"),
    ],
)
def test_wrong_use_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    status, out, err = run(capsys, "decide-steps", tmp_path, *options)
    assert (status, out) == (2, "")
    assert words in err
