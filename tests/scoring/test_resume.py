"""A run that is killed, stopped or started twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from curation.errors import ScoringError
from curation.scoring import score as module
from curation.scoring import slices
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from tests.scoring.conftest import TRACES, ask_for, fill, values

SCRIPT = """
import sys, time
from pathlib import Path
from curation.scoring import slices, score as module
from curation.scoring.request import ScoreRequest
from curation.store.project import open_project
slices.SLICE_TRACES = 4
slow = module.score_slice
def slower(*a, **k):
    time.sleep(0.3)
    return slow(*a, **k)
module.score_slice = slower
module.score(open_project(Path(sys.argv[1])), ScoreRequest(sys.argv[2], dtype="float32", factor_traces=8))
"""


def test_killed_and_restarted_it_ends_with_the_same_bits(
    project: Project, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_TRACES", 4)
    whole = fill(create_project(tmp_path / "whole"), TRACES)
    ask = ScoreRequest(str(model_folder), dtype="float32", factor_traces=8)
    expected = values(whole, score(whole, ask).run_id)
    other = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(project.root), str(model_folder)], env=other
    )
    deadline = time.monotonic() + 120
    while len(list((project.root / "runs").glob("*.part/scoring-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list((project.root / "runs").glob("*.part/scoring-*"))) >= 2
    assert not project.runs
    torch.set_num_threads(
        3 - torch.get_num_threads()
    )  # the second try has another number of threads at first
    run_id = score(project, ask).run_id
    found = values(project, run_id)
    assert {key: value for key, value in found.items() if value != expected[key]} == {}
    assert found.keys() == expected.keys()
    catalogues = open_catalogue(project), open_catalogue(whole)
    kept, again = (one.rows("SELECT * EXCLUDE run_id FROM tokens ORDER BY ALL") for one in catalogues)
    assert len(kept) == 2 * len(TRACES)
    assert kept == again


def test_shards_that_are_there_are_not_computed_again(
    project: Project, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_TRACES", 4)
    calls = []
    compute = module.score_slice

    def interrupted(work: object, part: slices.Slice, *rest: object) -> object:
        calls.append(part.trace_ids)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compute(work, part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "score_slice", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(project, ask_for(model_folder))
    assert score(project, ask_for(model_folder)).run_id
    assert len(calls) == 5 + 1
    assert calls[2] == calls[3]
    assert not list((project.root / "runs").glob("*.part"))


def test_what_a_kill_after_publishing_leaves_is_removed_by_the_next_call(
    project: Project, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(module, "discard_job", lambda *_: None)
        run_id = score(project, ask_for(model_folder, scores=("perplexity",))).run_id
    assert (project.root / "runs" / f"{run_id}.part").is_dir()
    assert score(project, ask_for(model_folder, scores=("perplexity",))).already_there
    assert not list((project.root / "runs").glob("*.part"))


def test_two_processes_do_not_work_on_one_job(project: Project, model_folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(project.root), str(model_folder)])
    deadline = time.monotonic() + 120
    while (
        not list((project.root / "runs").glob("*.part/directions.safetensors"))
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ScoringError, match="another process"):
            score(project, ScoreRequest(str(model_folder), dtype="float32", factor_traces=8))
    finally:
        process.kill()
        process.wait()
