import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curation.demo.make_base import BASE
from curation.models.train import TrainSettings, train
from curation.selection.traces import selected_traces
from curation.store.project import create_project
from tests.commands.test_prove import run, run_json
from tests.validation.project import scored_project

TRAINING = ("--warmup", 0.25, "--weight-decay", 0.1, "--optimizer", "sgd", "--eps", 1e-3)


def test_train_takes_the_settings_of_its_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, output = scored_project(tmp_path / "project"), tmp_path / "tuned"
    given = ("--epochs", 1, "--batch-size", 16, "--at-once", 16, "--learning-rate", 0.1, *TRAINING)
    run_json(capsys, "train", project.root, "--model", BASE, "-o", output, *given)
    settings = TrainSettings(
        0.1, warmup=0.25, epochs=1, batch_size=16, at_once=16, weight_decay=0.1, optimizer="sgd", eps=1e-3
    )
    traces = selected_traces(project, None)
    train(str(BASE), traces, tmp_path / "expected", template=project.template, settings=settings)
    trained, expected = (load_file(one / "model.safetensors") for one in (output, tmp_path / "expected"))
    assert all(torch.equal(trained[name], expected[name]) for name in expected)
    train(str(BASE), traces, tmp_path / "usual", settings=replace(settings, optimizer="adamw"))
    usual = load_file(tmp_path / "usual/model.safetensors")
    assert not all(torch.equal(trained[name], usual[name]) for name in usual)


@pytest.mark.parametrize(
    ("command", "needs"),
    [
        ("train", ("-o", "new")),
        ("trajectory", ()),
        ("lds", ()),
        ("validate", ("--recipes", "random")),
        ("unlearn", ("--problems", "p.jsonl", "--selection", "s")),
    ],
)
def test_every_command_that_trains_refuses_an_unknown_optimiser(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, needs: tuple[str, ...]
) -> None:
    create_project(tmp_path / "project")
    given = (command, tmp_path / "project", "--model", BASE, *needs)
    for wrong, says in (
        (("--optimizer", "lion"), "--optimizer is adamw or sgd, not 'lion'."),
        (("--eps", 0), "--eps is 0; it has to be above 0."),
        (("--weight-decay", -1), "Warm-up and weight decay are numbers from 0 on."),
        (("--warmup", -1), "Warm-up and weight decay are numbers from 0 on."),
    ):
        status, out, err = run(capsys, *given, *wrong)
        assert (status, out, says in err) == (2, "", True)


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
