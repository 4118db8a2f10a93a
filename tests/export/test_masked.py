"""Vetoed steps in exports: carried word for word, refused, or their traces dropped; and verified either way."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.errors import ExportError
from curation.export.formats import CARRY_MASKS, FORMATS
from curation.export.verify import verify
from curation.export.write import export
from curation.selection.masks import masked_spans, segments
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide, undo
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.projects import add_batch

RESPONSE = "One: 1 + 1 = 2.\nTwo <b>wrong</b>: 2 + 2 = 5.\nThree 🧮: so 5.\n"
FIRST, SECOND, THIRD = (0, 16), (16, 45), (45, 60)
TRACES = [Trace(f"Problem {number}", RESPONSE if number == 1 else "Short.", "") for number in range(3)]
MASKED = TRACES[1].trace_id


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = create_project(tmp_path / "p")
    add_batch(project, TRACES)
    save_selection(project, "all", Recipe("random", keep=1))
    decide(project, [MASKED], "veto", step=SECOND, reason="2 + 2 is 4")
    return project


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_spans_are_those_of_the_step(project: Project) -> None:
    assert RESPONSE[slice(*SECOND)].startswith("Two")
    assert RESPONSE[slice(*SECOND)].endswith("5.\n")
    assert masked_spans(open_catalogue(project), 1) == {MASKED: [SECOND]}
    assert masked_spans(open_catalogue(project), 0) == {}


def test_neighbouring_steps_make_one_span(project: Project) -> None:
    decide(project, [MASKED], "veto", step=THIRD)
    assert masked_spans(open_catalogue(project), 9) == {MASKED: [(SECOND[0], THIRD[1])]}


def test_segments_add_up_to_the_text() -> None:
    pieces = segments(RESPONSE, [FIRST, THIRD])
    assert "".join(piece for piece, _ in pieces) == RESPONSE
    assert [carries for _, carries in pieces] == [False, True, False]
    assert segments(RESPONSE, [(45, 999)])[-1] == (RESPONSE[45:], False)
    assert segments("", []) == []


def test_segments_say_which_piece_carries_loss(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    manifest = export(project, "all", "segments", path)
    assert (manifest.masked_traces, manifest.dropped_traces, manifest.rows) == (1, 0, 3)
    assert rows(path)[1] == {
        "segments": [
            {"label": False, "text": "Problem 1\n"},
            {"label": True, "text": RESPONSE[slice(*FIRST)]},
            {"label": False, "text": RESPONSE[slice(*SECOND)]},
            {"label": True, "text": RESPONSE[slice(*THIRD)]},
        ]
    }
    assert "1 of them vetoed steps" in path.with_name("all.jsonl.card.md").read_text()


def test_spans_and_parquet_list_what_carries_no_loss(project: Project, tmp_path: Path) -> None:
    export(project, "all", "spans", tmp_path / "all.jsonl")
    assert [row["loss_mask"] for row in rows(tmp_path / "all.jsonl")] == [[], [list(SECOND)], []]
    assert rows(tmp_path / "all.jsonl")[1]["completion"] == RESPONSE
    export(project, "all", "parquet", tmp_path / "all.parquet")
    assert pq.read_table(tmp_path / "all.parquet")["loss_mask"].to_pylist() == [[], [list(SECOND)], []]


def test_without_vetoed_steps_parquet_is_what_it_was(project: Project, tmp_path: Path) -> None:
    undo(project)
    export(project, "all", "parquet", tmp_path / "all.parquet")
    assert "loss_mask" not in pq.read_table(tmp_path / "all.parquet").column_names


@pytest.mark.parametrize("format", sorted(set(FORMATS) - set(CARRY_MASKS)))
def test_a_format_that_cannot_carry_them_refuses_or_drops(
    project: Project, format: str, tmp_path: Path
) -> None:
    path = tmp_path / "all.jsonl"
    with pytest.raises(
        ExportError,
        match=r"1 selected trace has vetoed steps, which the format .* use segments, spans or parquet",
    ):
        export(project, "all", format, path)
    assert not list(tmp_path.glob("all*"))
    manifest = export(project, "all", format, path, masked="drop")
    assert (manifest.rows, manifest.dropped_traces, manifest.masked_traces) == (2, 1, 0)
    assert len(rows(path)) == 2
    assert RESPONSE[:9] not in path.read_text()
    assert "were left out: 1." in path.with_name("all.jsonl.card.md").read_text()


@pytest.mark.parametrize("format", FORMATS)
def test_it_verifies_and_a_later_veto_changes_nothing(project: Project, format: str, tmp_path: Path) -> None:
    path = tmp_path / "all.file"
    export(project, "all", format, path, masked="drop")
    decide(project, [MASKED], "veto", step=FIRST)
    decide(project, [MASKED], "undecided", step=SECOND)
    found = verify(path)
    assert found.ok, found.checks
