"""The command line as its users and other programs see it: answers, JSON, exit codes, one sentence on failure."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pytest

from curation.cli import COMMANDS, command_status, interrupts, main
from curation.scoring.request import ScoreRequest, parse_scores
from curation.store.project import Defaults, open_project, save_settings
from tests.tiny import save_tiny

WORDS = "add 1 2 3 4 5 6 7 8 9 = + so the answer is"
ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        return int(stop.value.code or 0), out, err

    def json(self, *arguments: object) -> Any:
        status, out, err = self.run(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    rows = [
        {"question": f"add {a} {b}", "answer": f"{a} + {b}\n{a + b}"}
        for a in range(1, 5)
        for b in range(1, 5)
    ]
    lines = [*(json.dumps(row) for row in rows), '{"question": "no answer"}', "not json"]
    path = tmp_path / "pool.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_day_from_nothing_to_a_verified_file(tmp_path: Path, pool: Path, shell: Shell) -> None:
    project, model = tmp_path / "project", save_tiny(tmp_path / "model", words=WORDS)
    assert shell.json("init", project, "--name", "Sums")["name"] == "Sums"
    assert shell.json("ingest", project, pool)["added"] == 16
    again = shell.json("ingest", project, pool)
    assert (again["added"], again["batch"]) == (0, None)
    gold = tmp_path / "gold.jsonl"
    gold.write_text(
        "\n".join(json.dumps({"prompt": f"add {a} 5", "completion": f"{a} + 5"}) for a in range(1, 5))
    )
    assert shell.json("queries", project, gold, "--group", "gold")["added"] == {"gold": 4}
    planned = shell.json("score", project, "--model", model, "--plan")
    assert planned["traces"] == 16
    assert not list((project / "runs").iterdir())
    run = shell.json("score", project, "--model", model)
    assert shell.json("score", project, "--model", model) == {**run, "already_there": True, "notes": []}
    assert shell.json("map", project)["traces"] == 16
    ranked = shell.json(
        "sql", project, "SELECT trace_id FROM scores WHERE name = 'influence/gold' ORDER BY value DESC"
    )
    assert len(ranked) == 16
    best = ranked[0]["trace_id"]
    assert shell.json("decide", project, "veto", best, "--reason", "wrong")["traces"] == 1
    chosen = shell.json("select", project, "--recipe", "influence", "--keep", "0.5", "--name", "half")
    assert (chosen["kept"], chosen["vetoed_by_hand"]) == (7, 1)
    joint = "rank-average:influence/gold+-perplexity"
    # The vetoed trace may be one of the three.
    assert shell.json("select", project, "--recipe", joint, "--count", "3", "--name", "joint")["kept"] in (
        2,
        3,
    )
    ranked_file = tmp_path / "joint.jsonl"
    shell.json("export", project, "--selection", "joint", "--format", "messages", "-o", ranked_file)
    manifest = json.loads((tmp_path / "joint.jsonl.manifest.json").read_text())
    assert manifest["recipe"]["score"] == "influence/gold+-perplexity"
    assert shell.json("verify", ranked_file)["ok"]
    (project / "selections" / "joint.toml").unlink()
    out = tmp_path / "half.jsonl"
    assert (
        shell.json("export", project, "--selection", "half", "--format", "messages", "-o", out)["counts"][
            "kept"
        ]
        == 7
    )
    assert len(out.read_text().splitlines()) == 7
    assert shell.json("verify", out)["ok"]
    kept = shell.json(
        "sql", project, "SELECT trace_id FROM selections WHERE selected ORDER BY trace_id LIMIT 1"
    )
    assert shell.json("decide", project, "veto", kept[0]["trace_id"], "--step", "1")["traces"] == 1
    spans = ["export", project, "--selection", "half", "--format", "spans", "-o", tmp_path / "spans.jsonl"]
    assert shell.json(*spans)["masked_traces"] == 1
    dropped = ["export", project, "--selection", "half", "-o", tmp_path / "rest.jsonl", "--masked", "drop"]
    assert (shell.json(*dropped)["rows"], shell.json("undo", project)["traces"]) == (6, 1)
    assert (shell.json("redo", project)["traces"], shell.json("undo", project)["traces"]) == (1, 1)
    why = shell.json("sql", project, f"SELECT why FROM selections WHERE trace_id = '{best}'")
    assert "vetoed by hand" in why[0]["why"]
    assert shell.json("undo", project)["traces"] == 1
    status = shell.json("status", project)
    assert (status["traces"], status["rejected"], status["queries"], status["selections"]) == (
        16,
        2,
        {"gold": 4},
        ["half"],
    )
    bundle = tmp_path / "all.duckdb"
    shell.json("bundle", project, bundle)
    with duckdb.connect(str(bundle), read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM traces JOIN selections USING (trace_id)").fetchall() == [
            (16,)
        ]
    out.write_text(out.read_text().replace("+", "-"))
    status_code, _, err = shell.run("verify", out)
    assert status_code == 1
    assert "does not verify" in err


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["nonsense"], 2, "No such command"),
        (["score"], 2, "Missing"),
        (["score", "{p}", "--model", "m", "--scores", "x"], 2, "There is no score 'x'"),
        (["select", "{p}", "--recipe", "x"], 2, "There is no recipe 'x'"),
        (["select", "{p}", "--recipe", "top:nll", "--keep", "2"], 2, "less than or equal to 1"),
        (["export", "{p}", "--selection", "s", "--format", "x", "-o", "o"], 2, "no format"),
        (["decide", "{p}", "maybe", "t"], 2, "no verdict"),
        (["decide", "{p}", "veto", "t"], 1, "There is no trace t"),
        (["decide", "{p}", "keep", "t", "--step", "1"], 2, "--step takes one trace"),
        (["export", "{p}", "--selection", "s", "-o", "o", "--masked", "x"], 2, "neither refuse nor drop"),
        (["score", "{p}", "--model", "/none"], 1, "no traces"),
        (["ingest", "{p}", "/none.jsonl"], 1, "none.jsonl"),
        (["select", "{p}", "--recipe", "top:nll"], 1, "nll"),
        (["export", "{p}", "--selection", "s", "-o", "o"], 1, "There is no selection 's'"),
        (["status", "/none"], 1, "curation init"),
        (["init", "{p}"], 1, "already is a project"),
        (["sql", "{p}", "DELETE FROM decisions"], 1, "single SELECT"),
        (["sql", "{p}", "SELECT nonsense"], 1, "The SQL failed"),
        (["train", "{p}", "--model", "m", "-o", "o"], 1, "no traces to learn from"),
        (["map", "{p}"], 1, "curation score"),
    ],
)
def test_failures_are_a_sentence_and_a_status(
    tmp_path: Path, shell: Shell, arguments: list[str], status: int, says: str
) -> None:
    shell.run("init", tmp_path / "p")
    found, out, err = shell.run(*(argument.replace("{p}", str(tmp_path / "p")) for argument in arguments))
    assert (found, out) == (status, "")
    assert says in err
    assert "Traceback" not in err


def test_an_export_without_a_format_takes_the_projects(tmp_path: Path, shell: Shell) -> None:
    project = tmp_path / "p"
    shell.run("init", project)
    command = ["export", project, "--selection", "s", "-o", tmp_path / "o"]
    assert "There is no selection 's'" in shell.run(*command)[2]
    save_settings(open_project(project), template="auto", defaults=Defaults(export_format="scroll"))
    assert "'scroll' is no format" in shell.run(*command)[2]
    assert "There is no selection 's'" in shell.run(*command, "--format", "alpaca")[2]


def test_verifying_nothing_fails_and_says_which_check(shell: Shell) -> None:
    status, out, err = shell.run("verify", "/none.jsonl")
    assert status == 1
    assert out.startswith("FAIL")
    assert "/none.jsonl does not verify" in err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "curation.cli", "status", str(tmp_path), "--debug"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_stops_with_a_sentence_and_the_same_command_continues(
    tmp_path: Path, pool: Path, shell: Shell
) -> None:
    project, model = tmp_path / "project", save_tiny(tmp_path / "model", words=WORDS)
    shell.json("init", project)
    shell.json("ingest", project, pool)
    command = [sys.executable, "-m", "curation.cli", "score", str(project), "--model", str(model)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((project / "runs").glob("*.part/progress.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "the same command continues" in said
    assert not list((project / "runs").glob("*.duckdb"))
    unfinished = shell.json("status", project)["unfinished_runs"]
    assert shell.json("score", project, "--model", model)["run_id"] == unfinished[0]


def test_ctrl_c_ends_an_endless_query(tmp_path: Path, shell: Shell) -> None:
    shell.json("init", tmp_path / "p")
    command = [sys.executable, "-m", "curation.cli", "sql", str(tmp_path / "p"), ENDLESS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(5)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (130, "Stopped; the same command continues where it was.\n")


def test_ctrl_c_that_a_library_turns_into_its_own_error_is_still_a_stop() -> None:
    with interrupts() as interrupted, duckdb.connect(config={"threads": 1}) as connection:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(RuntimeError, match="interrupted"):
            connection.execute(ENDLESS).fetchall()
        assert interrupted()
        assert command_status(["status", "/none"], False, interrupted) == 130
    assert command_status(["status", "/none"], False, lambda: False) == 1


def test_sql_output_cannot_drive_a_terminal(tmp_path: Path, shell: Shell) -> None:
    shell.run("init", tmp_path / "p")
    _, out, _ = shell.run("sql", tmp_path / "p", "SELECT chr(27) || '[2J' AS text")
    assert "\x1b" not in out


def test_score_asks_for_what_a_request_asks_for_by_default() -> None:
    options = inspect.signature(COMMANDS["score"]).parameters
    asked = {each.name: options[each.name].default for each in fields(ScoreRequest) if each.name != "model"}
    assert ScoreRequest("m", **{**asked, "scores": parse_scores(asked["scores"])}) == ScoreRequest("m")


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    named = set(re.findall(r"curation ([a-z-]+)", readme))
    assert set(COMMANDS) <= named
    assert named <= set(COMMANDS)
