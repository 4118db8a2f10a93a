"""Selections saved under a name."""

from pathlib import Path

import pytest

from curation.errors import SelectionError
from curation.selection.recipes import Recipe
from curation.selection.saved import list_selections, load_recipe, save_selection, selections_table
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project
from tests.projects import add_run, project_of


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_of(tmp_path / "p", ["a", "b", "c", "d"])


def test_round_trip_and_replacement(project: Project) -> None:
    save_selection(project, "Half, combined", Recipe("influence-combined"))
    save_selection(project, "worst", Recipe("bottom:influence/gold", count=7, run_id="r1"))
    save_selection(project, "Half, combined", Recipe("influence-combined", keep=0.4))
    assert list_selections(project) == ["Half, combined", "worst"]
    assert load_recipe(project, "Half, combined") == Recipe("influence-combined", keep=0.4)
    assert load_recipe(project, "worst") == Recipe("bottom", score="influence/gold", count=7, run_id="r1")
    assert len(list((project.root / "selections").iterdir())) == 2


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc/x", "a\nb", "a\0b", " a", "a.", ".a", "é" * 70]
)
def test_names_that_are_no_plain_file_name(project: Project, name: str) -> None:
    for use in (lambda: save_selection(project, name, Recipe("random")), lambda: load_recipe(project, name)):
        with pytest.raises(SelectionError, match="cannot name a selection"):
            use()
    assert list_selections(project) == []


def test_missing_and_damaged(project: Project) -> None:
    with pytest.raises(SelectionError, match="no selection 'half'"):
        load_recipe(project, "half")
    for text in ("recipe = ", "recipe = 'random'\ncolour = 3", "keep = 0.5"):
        (project.root / "selections" / "half.toml").write_text(text)
        with pytest.raises(SelectionError, match=r"half\.toml"):
            load_recipe(project, "half")


def test_the_table_behind_the_view(project: Project) -> None:
    add_run(project, "r", {"nll": {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}})
    save_selection(project, "low", Recipe("bottom:nll"))
    save_selection(project, "none", Recipe("random", keep=0))
    save_selection(project, "broken", Recipe("top:rsr"))
    decide(project, ["d"], "keep")
    catalogue = open_catalogue(project)
    table = selections_table(project, catalogue)
    rows = {(row["selection"], row["trace_id"]): (row["selected"], row["why"]) for row in table.to_pylist()}
    assert len(rows) == 8
    assert rows["low", "a"] == (True, "kept: nll is #4 of 4, among the lowest 2")
    assert rows["low", "d"] == (True, "kept by hand")
    assert rows["none", "a"][0] is False
    assert [problem for problem in catalogue.problems if "broken" in problem]
    catalogue.close()


def test_no_selection_gives_an_empty_table(project: Project) -> None:
    catalogue = open_catalogue(project)
    table = selections_table(project, catalogue)
    assert (table.num_rows, table.column_names) == (0, ["selection", "trace_id", "selected", "why"])
    catalogue.close()
