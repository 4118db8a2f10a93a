"""Decisions: one log, append-only, shared by processes, with undo, and nothing acknowledged is ever lost."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.errors import ProjectError
from curation.store.catalogue import open_catalogue
from curation.store.database import connect
from curation.store.decisions import decide, redo, undo
from curation.store.log import Decided, decision_log, decision_stamp
from curation.store.project import Project


def verdicts(project: Project) -> dict[str, str]:
    return dict(open_catalogue(project).rows("SELECT trace_id, verdict FROM verdicts"))


def test_undo_of_a_single_decision_brings_back_what_held_before(project: Project) -> None:
    decide(project, ["t1"], "keep", reason="clear", note="nice", actor="ann")
    decide(project, ["t1"], "veto", reason="wrong")
    assert verdicts(project) == {"t1": "veto"}
    assert undo(project) == Decided(1, 3)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT verdict, reason, note FROM verdicts") == [("keep", "clear", "nice")]
    assert undo(project) == Decided(1, 4)
    assert verdicts(project) == {"t1": "undecided"}
    assert undo(project) == Decided(0, 0)


def test_undo_of_a_bulk_decision_takes_all_of_it_back(project: Project) -> None:
    decide(project, ["t1"], "keep")
    assert decide(project, ["t1", "t2", "t3", "t2"], "veto") == Decided(3, 4)
    decide(project, ["t3"], "keep")
    assert undo(project).traces == 1
    assert verdicts(project) == dict.fromkeys(["t1", "t2", "t3"], "veto")
    assert undo(project).traces == 3
    assert verdicts(project) == {"t1": "keep", "t2": "undecided", "t3": "undecided"}


def test_a_decision_after_an_undo_can_be_undone_in_turn(project: Project) -> None:
    decide(project, ["t1"], "keep")
    undo(project)
    decide(project, ["t1"], "veto")
    undo(project)
    assert verdicts(project) == {"t1": "undecided"}
    assert undo(project) == Decided(0, 0)


def test_undo_of_one_reviewer_leaves_what_another_decided_later(project: Project) -> None:
    decide(project, ["t1", "t2"], "keep", actor="ann")
    decide(project, ["t1"], "veto", actor="ben")
    assert undo(project, actor="ann").traces == 2
    assert verdicts(project) == {"t1": "veto", "t2": "undecided"}
    assert undo(project, actor="ann") == Decided(0, 0)
    assert undo(project, actor="ben").traces == 1
    assert verdicts(project) == {"t1": "undecided", "t2": "undecided"}


def test_the_log_only_grows_and_is_numbered_without_gaps(project: Project) -> None:
    decide(project, ["a", "b"], "keep")
    before = decision_log(project).to_pylist()
    undo(project)
    decide(project, ["a"], "undecided")
    after = decision_log(project).to_pylist()
    assert after[: len(before)] == before
    assert [event["number"] for event in after] == list(range(1, 6))
    assert [event["undoes"] for event in after] == [None, None, 1, 2, None]
    assert [event["batch"] for event in after] == [1, 1, 3, 3, 5]


def test_hostile_texts_are_data(project: Project) -> None:
    hostile = "'); DROP TABLE decisions; -- \x00 $1 é 😀"
    decide(project, [hostile], "veto", reason=hostile, note=hostile, actor=hostile)
    (event,) = decision_log(project).to_pylist()
    assert {event[name] for name in ("trace_id", "reason", "note", "actor")} == {hostile}


def test_what_is_no_verdict_is_refused(project: Project) -> None:
    with pytest.raises(ProjectError, match="'remove' is no verdict"):
        decide(project, ["t1"], "remove")  # type: ignore[arg-type]
    assert not project.decisions.exists()
    assert decide(project, [], "veto") == Decided(0, 0)
    assert decision_log(project).num_rows == 0


def test_stamp_changes_with_every_decision(project: Project) -> None:
    stamps = [decision_stamp(project)]
    for verdict in ("keep", "veto", "keep"):
        decide(project, ["t1"], verdict)  # type: ignore[arg-type]
        stamps.append(decision_stamp(project))
    assert len(set(stamps)) == 4


def test_a_catalogue_sees_new_decisions_after_refresh(project: Project) -> None:
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT * FROM verdicts") == []
    decide(project, ["t1"], "veto")
    catalogue.refresh()
    assert catalogue.rows("SELECT trace_id, verdict FROM verdicts") == [("t1", "veto")]


def test_a_decision_is_on_disk_within_a_tenth_of_a_second(project: Project) -> None:
    decide(project, ["first"], "keep")
    took = []
    for n in range(20):
        start = time.perf_counter()
        decide(project, [f"t{n}"], "veto")
        took.append(time.perf_counter() - start)
    assert sorted(took)[5] < 0.1


WRITER = """
import sys
from pathlib import Path
from curation.store.decisions import decide
from curation.store.project import open_project

project = open_project(Path(sys.argv[1]))
for n in range(int(sys.argv[3])):
    trace_id = f"{sys.argv[2]}-{n}"
    decide(project, [trace_id], "veto", actor=sys.argv[2])
    print(trace_id, flush=True)
"""


def writer(project: Project, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(project.root), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_three_writing_processes_and_a_reader_lose_nothing(project: Project) -> None:
    writers = [writer(project, name, 12) for name in ("ann", "ben", "cat")]
    seen = 0
    while any(process.poll() is None for process in writers):
        rows = decision_log(project).num_rows
        assert rows >= seen
        seen = rows
        time.sleep(0.02)
    assert [process.wait() for process in writers] == [0, 0, 0]
    events = decision_log(project).to_pylist()
    assert [event["number"] for event in events] == list(range(1, 37))
    assert {event["trace_id"] for event in events} == {
        f"{name}-{n}" for name in ("ann", "ben", "cat") for n in range(12)
    }
    for process in writers:
        process.communicate()


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_loses_no_acknowledged_decision(project: Project, seed: int) -> None:
    process = writer(project, "ann", 1_000_000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip()]
    time.sleep(random.Random(seed).uniform(0.05, 0.4))
    process.send_signal(signal.SIGKILL)
    acknowledged += process.communicate()[0].split("\n")
    # A line cut off by the kill acknowledges nothing.
    known = {event["trace_id"] for event in decision_log(project).to_pylist()}
    lines = [line for line in acknowledged[:-1] if line]
    assert lines
    assert set(lines) <= known
    assert len(known) <= len(lines) + 2
    decide(project, ["after"], "keep")
    assert decision_log(project).num_rows == len(known) + 1


def test_a_log_held_open_elsewhere_is_waited_for_and_then_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(project, ["t1"], "keep")
    script = "import sys, time; from pathlib import Path; from curation.store.database import connect\n"
    script += "held = connect(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(project.decisions)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    monkeypatch.setattr("curation.store.log.PATIENCE_SECONDS", 0.3)
    with pytest.raises(ProjectError, match="stays locked by another program"):
        decide(project, ["t2"], "veto")
    monkeypatch.setattr("curation.store.log.PATIENCE_SECONDS", 20.0)
    holder.kill()
    holder.communicate()
    assert decide(project, ["t2"], "veto").number == 2


def test_a_lock_that_cannot_be_written_is_named(project: Project) -> None:
    project.decisions.with_suffix(".lock").mkdir()
    with pytest.raises(
        ProjectError, match=r"decisions\.lock cannot be written .* make the project's folder writable"
    ):
        decide(project, ["t1"], "veto")
    assert not project.decisions.exists()


def test_a_damaged_log_is_named(project: Project) -> None:
    project.decisions.write_bytes(b"damaged" * 1_000)
    with pytest.raises(ProjectError, match=r"decisions\.duckdb cannot be opened"):
        decide(project, ["t1"], "veto")
    assert Path(project.decisions).read_bytes() == b"damaged" * 1_000


def test_the_log_can_be_opened_by_anyone_between_decisions(project: Project) -> None:
    decide(project, ["t1"], "veto")
    with connect(project.decisions, read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM decisions").fetchall() == [(1,)]


def vetoed(project: Project) -> set[tuple[str, int, int]]:
    return set(open_catalogue(project).rows("SELECT trace_id, start, stop FROM step_vetoes"))


def test_a_step_is_vetoed_beside_its_trace_and_undone_like_it(project: Project) -> None:
    decide(project, ["t1"], "keep")
    decide(project, ["t1"], "veto", reason="wrong", step=(3, 9))
    decide(project, ["t1"], "veto", step=(9, 12))
    assert verdicts(project) == {"t1": "keep"}
    assert vetoed(project) == {("t1", 3, 9), ("t1", 9, 12)}
    assert undo(project).traces == 1
    assert vetoed(project) == {("t1", 3, 9)}
    decide(project, ["t1"], "undecided", step=(3, 9))
    assert vetoed(project) == set()
    undo(project)
    assert vetoed(project) == {("t1", 3, 9)}
    undo(project)
    undo(project)
    assert (verdicts(project), vetoed(project)) == ({"t1": "undecided"}, set())


@pytest.mark.parametrize(("verdict", "step"), [("keep", (0, 3)), ("veto", (3, 3)), ("veto", (-1, 3))])
def test_what_a_step_cannot_be_given_is_refused(
    project: Project, verdict: str, step: tuple[int, int]
) -> None:
    with pytest.raises(ProjectError, match="a step is vetoed, or undecided"):
        decide(project, ["t1"], verdict, step=step)  # type: ignore[arg-type]
    assert not project.decisions.exists()


def test_a_log_of_before_there_were_steps_goes_on(project: Project) -> None:
    decide(project, ["t1"], "veto", reason="old")
    with connect(project.decisions) as log:
        log.execute("ALTER TABLE decisions DROP COLUMN start")
        log.execute("ALTER TABLE decisions DROP COLUMN stop")
    assert verdicts(project) == {"t1": "veto"}
    decide(project, ["t1"], "veto", step=(0, 4))
    assert vetoed(project) == {("t1", 0, 4)}
    assert undo(project).traces == 1
    assert undo(project).traces == 1
    assert (verdicts(project), vetoed(project)) == ({"t1": "undecided"}, set())


def test_redo_brings_back_what_undo_took_single_and_bulk(project: Project) -> None:
    decide(project, ["t1"], "keep", reason="clear")
    decide(project, ["t1", "t2"], "veto", note="both")
    assert redo(project) == Decided(0, 0)
    undo(project)
    undo(project)
    assert verdicts(project) == dict.fromkeys(["t1", "t2"], "undecided")
    assert redo(project).traces == 1
    assert verdicts(project) == {"t1": "keep", "t2": "undecided"}
    assert redo(project).traces == 2
    assert verdicts(project) == dict.fromkeys(["t1", "t2"], "veto")
    assert redo(project) == Decided(0, 0)
    # What was brought back can be taken back, and so on.
    assert undo(project).traces == 2
    assert verdicts(project) == {"t1": "keep", "t2": "undecided"}
    assert redo(project).traces == 2
    assert undo(project).traces == 2
    assert undo(project).traces == 1
    assert undo(project) == Decided(0, 0)
    assert verdicts(project) == dict.fromkeys(["t1", "t2"], "undecided")


def test_a_new_decision_leaves_nothing_to_redo(project: Project) -> None:
    decide(project, ["t1"], "keep", actor="ann")
    undo(project, actor="ann")
    decide(project, ["t2"], "veto", actor="ben")
    assert redo(project, actor="ben") == Decided(0, 0)
    assert redo(project, actor="ann").traces == 1
    undo(project, actor="ann")
    decide(project, ["t3"], "veto", actor="ann")
    assert redo(project, actor="ann") == Decided(0, 0)
    assert verdicts(project) == {"t1": "undecided", "t2": "veto", "t3": "veto"}


def test_a_step_s_veto_is_redone(project: Project) -> None:
    decide(project, ["t1"], "veto", step=(3, 9))
    undo(project)
    assert vetoed(project) == set()
    redo(project)
    assert vetoed(project) == {("t1", 3, 9)}


def test_any_walk_of_decisions_undos_and_redos_is_that_of_an_editor(project: Project) -> None:
    """Against two stacks of snapshots, for one reviewer."""
    chance = random.Random(7)
    now: dict[str, str] = {}
    past: list[dict[str, str]] = []
    future: list[dict[str, str]] = []
    for _ in range(60):
        match chance.choice(["decide", "decide", "undo", "undo", "redo"]):
            case "decide":
                chosen = chance.sample(["t1", "t2", "t3", "t4"], chance.randint(1, 3))
                verdict = chance.choice(["keep", "veto", "undecided"])
                decide(project, chosen, verdict)
                past.append(now)
                now, future = now | dict.fromkeys(chosen, verdict), []
            case "undo":
                assert bool(undo(project).traces) == bool(past)
                if past:
                    future.append(now)
                    now = past.pop()
            case _:
                assert bool(redo(project).traces) == bool(future)
                if future:
                    past.append(now)
                    now = future.pop()
        held = {one: verdict for one, verdict in verdicts(project).items() if verdict != "undecided"}
        assert held == {one: verdict for one, verdict in now.items() if verdict != "undecided"}
