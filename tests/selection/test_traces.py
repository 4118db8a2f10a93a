"""The traces themselves, for training: all of them, those of a selection, or a refusal."""

from pathlib import Path

import pytest

from curation.errors import SelectionError
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.selection.traces import selected_traces
from curation.store.decisions import decide
from tests.projects import project_of


def test_all_traces_or_those_that_a_selection_keeps(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", ["a", "b", "c"])
    assert [trace.answer for trace in selected_traces(project, None)] == ["0", "2", "4"]
    save_selection(project, "all", Recipe("random", keep=1.0))
    decide(project, ["b"], "veto")
    assert [trace.answer for trace in selected_traces(project, "all")] == ["0", "4"]


def test_vetoed_steps_of_a_selection_carry_no_loss(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", ["a", "b", "c"])
    save_selection(project, "all", Recipe("random", keep=1.0))
    decide(project, ["b"], "veto", step=(0, 5))
    assert [trace.masked for trace in selected_traces(project, "all")] == [(), ((0, 5),), ()]
    assert [trace.masked for trace in selected_traces(project, None)] == [(), (), ()]  # no decision counts
    decide(project, ["b"], "undecided", step=(0, 5))
    assert not any(trace.masked for trace in selected_traces(project, "all"))


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="no traces to learn from"):
        selected_traces(project_of(tmp_path / "p", []), None)


def test_a_damaged_batch_is_refused_and_not_trained_around(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", ["a", "b"])
    (project.root / "batches" / "0002.duckdb").write_bytes(b"damaged")
    with pytest.raises(SelectionError, match=r"batches/0002\.duckdb cannot be read"):
        selected_traces(project, None)
