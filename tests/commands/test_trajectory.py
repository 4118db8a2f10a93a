from pathlib import Path

import pytest

from curation.demo.make_base import BASE
from tests.commands.test_prove import run, run_json
from tests.validation.project import scored_project

QUICK = ("--epochs", 1, "--batch-size", 16, "--at-once", 16, "--learning-rate", 1e-3, "--device", "cpu")


def test_the_command_goes_along_a_training_and_refuses_what_cannot_be_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = scored_project(tmp_path / "project").root
    given = ("trajectory", root, "--model", BASE, *QUICK)
    status, out, err = run(capsys, *given, "--optimizer", "lion")
    assert (status, out) == (2, "")
    assert "--optimizer is adamw or sgd" in err
    status, out, err = run(capsys, *given, "--groups", "golden")
    assert (status, out) == (1, "")
    assert "There is no query group 'golden'; choose from gold." in err
    told = run_json(capsys, *given, "--no-exact")
    assert told["notes"][0].startswith("4 optimiser steps on 60 traces were replayed")
    asked = "SELECT count(*) AS n FROM scores WHERE name = 'trajectory/gold' AND value IS NOT NULL"
    assert run_json(capsys, "sql", root, asked) == [{"n": 60}]
    assert run_json(capsys, *given, "--no-exact")["already_there"]
    drawn = run_json(capsys, *given, "--no-exact", "--drawn-weights", "--seed", 1)
    assert "is in the mean of several replays" in drawn["notes"][1]
    mean = run_json(capsys, *given, "--no-exact", "--drawn-weights", "--replays", 2)
    assert mean["notes"][0] == "It is the mean of 2 runs."
    runs = run_json(capsys, "sql", root, "SELECT run_id FROM run WHERE parameters LIKE '%trajectory%'")
    assert len(runs) == 4  # Even, two drawn ones of which one was there, and their mean.
    assert run_json(capsys, *given, "--no-exact", "--drawn-weights", "--replays", 2)["already_there"]
    status, _, err = run(capsys, *given, "--replays", 0)
    assert status == 2
    assert "--replays" in err
