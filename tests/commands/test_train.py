import json
from pathlib import Path

import pytest

from curation.demo.make_base import BASE
from tests.commands.test_prove import run, run_json
from tests.validation.project import scored_project


def test_train_keeps_checkpoints_where_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, output = scored_project(tmp_path / "project").root, tmp_path / "tuned"
    given = ("train", root, "--model", BASE, "-o", output, "--epochs", 1, "--batch-size", 16, "--at-once", 16)
    status, out, err = run(capsys, *given, "--checkpoints", 5)
    assert (status, out) == (1, "")
    assert "A training of 4 optimiser steps cannot keep 5 checkpoints; ask for 0 to 4." in err
    assert not output.exists()
    told = run_json(capsys, *given, "--checkpoints", 2)
    assert told == {"output": str(output), "traces": 60, "lora": False, "checkpoints": 2}
    for step in (2, 4):
        folder = output / "checkpoints" / str(step)
        assert json.loads((folder / "step.json").read_text())["step"] == step
        assert (folder / "optimizer.safetensors").exists()
        assert (folder / "model.safetensors").exists()
