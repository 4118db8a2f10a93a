import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from curation.cli import main
from curation.demo.make_base import BASE
from curation.demo.pool import make_pool
from curation.demo.problems import right_response
from curation.models.train import TrainSettings
from curation.store.catalogue import open_catalogue
from curation.store.project import create_project
from curation.validation.retrains import BankPlan, bank_key
from tests.completions import NAME, Body, closed_port, serving
from tests.projects import add_run
from tests.validation.project import POOL, scored_project, write_rows

MODEL = ("--model", str(BASE), "--device", "cpu", "--max-new-tokens", "40")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """(exit status, stdout, stderr)."""
    with pytest.raises(SystemExit) as exit_:
        main([str(one) for one in arguments])
    said = capsys.readouterr()
    return int(exit_.value.code or 0), said.out, said.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    status, out, err = run(capsys, *arguments, "--json")
    assert status == 0, err
    read: dict[str, Any] = json.loads(out)
    return read


@pytest.fixture
def problems(tmp_path: Path) -> str:
    rows = [{"question": one.prompt, "answer": right_response(one)} for one in POOL.test]
    return write_rows(tmp_path / "problems.jsonl", [*rows, {"question": "nothing else"}])


def test_rollouts_answers_in_json_and_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problems: str
) -> None:
    root = tmp_path / "project"
    create_project(root, template="plain")
    done = run_json(capsys, "rollouts", root, problems, *MODEL, "--base", BASE)
    assert done["model"]["problems"] == 24
    assert done["model"]["correct"] / 24 == done["model"]["accuracy"]
    assert done["added"]["correct"] > 0
    assert done["added"]["incorrect"] > 0
    assert done["base"] == done["model"]
    assert [one["line"] for one in done["rejected"]] == [25]
    status, out, _ = run(capsys, "rollouts", root, problems, *MODEL)
    assert status == 0
    assert (
        f"answers {done['model']['correct']} of 24 problems right. Added 0 to correct, 0 to incorrect." in out
    )


def test_answers_can_be_kept_without_becoming_queries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problems: str
) -> None:
    root = tmp_path / "project"
    create_project(root, template="plain")
    done = run_json(capsys, "rollouts", root, problems, *MODEL, "--no-queries", "--limit", 3)
    assert done["model"]["problems"] == 3
    assert done["added"] == {}
    assert not list((root / "queries").glob("*"))
    assert len(list((root / "rollouts").glob("*.jsonl"))) == 1


def test_validate_prints_markdown_and_tells_the_cost_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problems: str
) -> None:
    project = scored_project(tmp_path / "project")
    rate = ("--learning-rate", 2e-3, "--warmup", 0.25, "--weight-decay", 0.1, "--eps", 1e-3)
    training = ("--epochs", 1, "--batch-size", 16, "--at-once", 16, *rate)
    arguments = ("validate", project.root, "--recipes", "influence:gold", "--seeds", 1, *MODEL, *training)
    status, out, err = run(capsys, *arguments, "--problems", problems)
    assert status == 0
    assert out.startswith("| recipe | kept | traces | tokens |")
    assert "2 trainings (2 recipes, 1 seed) of 4 optimiser steps each, measured on 24 problems" in err
    for file in (project.root / "validation").glob("random-*.json"):
        held = json.loads(file.read_text())["settings"]
        assert (held["warmup"], held["weight_decay"], held["eps"]) == (0.25, 0.1, 1e-3)
        assert held["optimizer"] == "adamw"
    again = run_json(capsys, *arguments, "--problems", problems)
    assert [row["name"] for row in again["rows"]] == ["random", "influence:gold"]
    assert f"| {again['rows'][1]['log_likelihood']:.4f} |" in out
    shares = run_json(capsys, *arguments, "--problems", problems, "--keep", "0.5, 0.3")
    assert [(row["name"], row["keep"], row["traces"]) for row in shares["rows"]] == [
        ("random", 0.5, 30),
        ("influence:gold", 0.5, 30),
        ("random", 0.3, 18),
        ("influence:gold", 0.3, 18),
    ]
    assert shares["rows"][:2] == again["rows"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--recipes", "best"),
        ("--recipes", ","),
        ("--recipes", "random", "--keep", "1.5"),
        ("--recipes", "random", "--keep", "0.5,half"),
        ("--recipes", "random", "--keep", ","),
        ("--recipes", "random", "--seeds", "0"),
        ("--recipes", "random", "--epochs", "0"),
    ],
)
def test_wrong_use_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]
) -> None:
    create_project(tmp_path / "project")
    status, out, err = run(capsys, "validate", tmp_path / "project", *MODEL, *wrong)
    assert (status, out) == (2, "")
    assert "Traceback" not in err


def test_failures_exit_with_1_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problems: str
) -> None:
    root = tmp_path / "project"
    create_project(root)
    for arguments in (
        ("rollouts", root, tmp_path / "none.jsonl", *MODEL),
        ("rollouts", root, problems, "--model", tmp_path / "no-model"),
        ("validate", root, "--recipes", "random", *MODEL),
    ):
        status, out, err = run(capsys, *arguments)
        assert (status, out) == (1, "")
        assert err.splitlines()[-1].startswith("Error: There is no")


def test_killed_rollouts_continue_and_repeat_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = make_pool(6, validation=1, test=200)
    rows = [{"prompt": one.prompt, "completion": right_response(one)} for one in pool.test]
    problems = write_rows(tmp_path / "many.jsonl", rows)

    def command(root: Path) -> list[str]:
        return ["rollouts", str(root), problems, *MODEL, "--token-budget", "300"]

    def file_of(root: Path) -> Path | None:
        return next(iter((root / "rollouts").glob("*.jsonl")), None)

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for root in (killed, whole):
        create_project(root, template="plain")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "curation.cli", *command(killed)], stderr=subprocess.DEVNULL, env=environment
    )
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        file = file_of(killed)
        if file and file.stat().st_size > 2_000:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    file = file_of(killed)
    assert file is not None
    before = file.read_bytes()
    assert 0 < before.count(b"\n") < 200
    for root in (killed, whole):
        assert run(capsys, *command(root))[0] == 0
    after = file.read_bytes()
    undisturbed = file_of(whole)
    assert undisturbed is not None
    assert after == undisturbed.read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1])
    assert len({json.loads(line)["problem_id"] for line in after.splitlines()}) == after.count(b"\n") == 200


def test_rollouts_of_several_samples_at_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problems: str
) -> None:
    root = tmp_path / "project"
    create_project(root, template="plain")
    with serving(lambda body: (f"The answer is {1000 + body['seed'] % 2}.", "stop")) as server:
        place = ("--server", server.url, "--served-name", NAME, "--requests", 4)
        given = ("rollouts", root, problems, *MODEL, *place, "--samples", 3, "--top-p", 0.9, "--contrast")
        done = run_json(capsys, *given)
        status, out, _ = run(capsys, *given)
    assert {(one["temperature"], one["top_p"]) for one in server.asked} == {(1.0, 0.9)}
    assert (done["model"]["problems"], done["model"]["answers"], len(server.asked)) == (24, 72, 72)
    assert done["added"]["contrast"] == 48
    said = f"{NAME} answers 0 of 24 problems right at least once: 0 of 72 answers."
    assert (status, said in out) == (0, True)
    status, _, err = run(capsys, *given[:3], *MODEL, "--server", f"http://127.0.0.1:{closed_port()}/v1")
    assert (status, "cannot be reached" in err) == (1, True)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--samples", "2", "--temperature", "0"),
        ("--top-p", "0"),
        ("--server", "localhost:8000"),
        ("--served-name", "x"),
    ],
)
def test_rollouts_that_cannot_be_meant_exit_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problems: str, wrong: tuple[str, ...]
) -> None:
    create_project(tmp_path / "project")
    status, out, err = run(capsys, "rollouts", tmp_path / "project", problems, *MODEL, *wrong)
    assert (status, out) == (2, "")
    assert "Traceback" not in err


def test_stopping_does_not_wait_for_a_server(tmp_path: Path, problems: str) -> None:
    root = tmp_path / "project"
    create_project(root)
    released = threading.Event()

    def hang(body: Body) -> tuple[str, str]:
        released.wait(60)
        return "", "stop"

    with serving(hang) as server:
        place = ("--server", server.url, "--served-name", NAME)
        command = [sys.executable, "-m", "curation.cli", "rollouts", str(root), problems, *MODEL, *place]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        give_up = time.monotonic() + 60
        while not server.before and time.monotonic() < give_up:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert not released.is_set()
        released.set()
    assert process.returncode == 130
    assert "Stopped; the same command continues where it was." in err


def test_trust_says_what_is_known_of_a_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = scored_project(tmp_path / "project").root
    told = run_json(capsys, "trust", root)
    assert (told["run"], told["verdict"]) == ("run-1", "be careful")
    assert len(told["findings"]) == 7
    status, out, _ = run(capsys, "trust", root, "--run", "run-1")
    assert status == 0
    assert all(one["question"] in out for one in told["findings"])
    status, _, err = run(capsys, "trust", root, "--run", "gone")
    assert (status, "There is no run gone here." in err) == (1, True)
    status, _, err = run(capsys, "trust", create_project(tmp_path / "empty").root)
    assert (status, "make one with `curation score`" in err) == (1, True)


def test_lds_retrains_once_and_trust_reads_its_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    project = scored_project(tmp_path / "project")
    catalogue = open_catalogue(project)
    ids = [str(one) for (one,) in catalogue.rows("SELECT trace_id FROM traces")]
    queries = [str(one) for (one,) in catalogue.rows("SELECT query_id FROM queries")]
    catalogue.close()
    slope = {one: place / 10 for place, one in enumerate(ids)}
    add_run(project, "run-2", {"influence/gold": slope}, query_scores=dict.fromkeys(queries, slope), day=2)
    rate = ("--learning-rate", 0.1, "--warmup", 0.25, "--weight-decay", 0.1, "--optimizer", "sgd")
    given = ("lds", project.root, "--model", BASE, "--models", 3, "--epochs", 1, *rate)
    told = run_json(capsys, *given, "--batch-size", 16, "--at-once", 16, "--device", "cpu")
    assert told["run_id"] == "run-2"
    assert [(row["score"], row["lds"]["parts"]) for row in told["rows"]] == [("influence/gold", 3)]
    settings = TrainSettings(
        0.1, warmup=0.25, epochs=1.0, batch_size=16, at_once=16, weight_decay=0.1, optimizer="sgd"
    )
    (bank,) = (project.root / "validation" / "retrains").iterdir()
    catalogue = open_catalogue(project)
    assert bank.name == bank_key(catalogue, BankPlan(str(BASE), settings))
    catalogue.close()
    status, out, err = run(capsys, *given, "--batch-size", 16, "--at-once", 16, "--device", "cpu")
    assert (status, "3 are there, 0 to do" in err) == (0, True)
    assert "| influence/gold | gold |" in out
    status, out, _ = run(capsys, "trust", project.root)
    assert "predicts training on 3 random parts" in out
    status, _, err = run(capsys, *given, "--share", 1)
    assert (status, "above 0 and below 1" in err) == (2, True)
