"""`curation ensemble`: what it answers, and how it refuses."""

import json
from pathlib import Path

import pytest

from curation.cli import main
from curation.scoring.score import score
from curation.store.project import create_project
from tests.scoring.conftest import TRACES, WORDS, ask_for, fill
from tests.tiny import save_tiny


def test_the_mean_of_two_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = fill(create_project(tmp_path / "project"), TRACES)
    models = [save_tiny(tmp_path / f"m{seed}", "llama", WORDS, seed=seed) for seed in (0, 1)]
    runs = [score(project, ask_for(model)).run_id for model in models]
    with pytest.raises(SystemExit) as stopped:
        main(["ensemble", str(project.root), *runs, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 0
    assert not said["already_there"]
    assert "mean of 2 runs" in " ".join(said["notes"])
    with pytest.raises(SystemExit) as stopped:
        main(["ensemble", str(project.root), runs[0]])
    assert stopped.value.code == 1
    assert "two runs or more" in capsys.readouterr().err
