"""The project's history: one line for what was decided in one go."""

from pathlib import Path

from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide, redo, undo
from curation.store.history import batches
from tests.app.project import build_project, texts


def test_a_line_for_each_decision_newest_first(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project", count=20)
    ids = sorted(trace.trace_id for trace in texts(20))[:3]
    decide(project, ids[:1], "keep", reason="clear", actor="ann")
    decide(project, ids, "veto", note="all alike", actor="ben")
    undo(project, actor="ben")
    redo(project, actor="ben")
    decide(project, ids[:1], "veto", step=(0, 4), actor="ann")
    catalogue = open_catalogue(project)
    found = batches(catalogue, 9)
    assert [(one.actor, one.verdict, one.by, one.traces, one.is_step) for one in found] == [
        ("ann", "veto", "", 1, True),
        ("ben", "veto", "redo", 3, False),
        ("ben", "", "undo", 3, False),
        ("ben", "veto", "", 3, False),
        ("ann", "keep", "", 1, False),
    ]
    assert (found[3].note, found[3].trace_id, found[4].reason) == ("all alike", ids[0], "clear")
    assert [one.number for one in batches(catalogue, 1, offset=1)] == [found[1].number]
