"""Compare under AppTest, and what it counts."""

import shutil
from collections.abc import Callable

import duckdb
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.compare import difference
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.app.project import RUN_ID

Open = Callable[..., AppTest]


@pytest.fixture
def two(project: Project) -> Project:
    """Two selections: the half most helpful, and the half least perplexing."""
    save_selection(project, "helpful", Recipe("influence:gold", keep=0.5))
    save_selection(project, "plain", Recipe("bottom-ppl", keep=0.5))
    return project


def test_each_trace_is_in_one_of_four_parts(two: Project) -> None:
    catalogue = open_catalogue(two)
    ids = [one for (one,) in catalogue.rows("SELECT trace_id FROM traces ORDER BY trace_id")]
    decide(two, ids[:2], "veto")
    catalogue.refresh()
    made = [select(catalogue, Recipe(name, keep=0.5)) for name in ("influence:gold", "bottom-ppl")]
    found = difference(*made)
    parts = [found.only_a, found.both, found.only_b, found.neither]
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)
    first, second = ({*one.selected_ids} for one in made)
    assert {i for i, is_in in zip(ids, found.only_a, strict=True) if is_in} == first - second
    assert found.overlap == pytest.approx(len(first & second) / len(first | second))
    assert found.neither[:2].all()


def test_the_parts_of_two_selections_are_shown_and_lead_to_browse(open_app: Open, two: Project) -> None:
    app = open_app(two.root, "compare")
    assert not app.error
    catalogue = open_catalogue(two)
    found = difference(
        *(select(catalogue, Recipe(name, keep=0.5)) for name in ("influence:gold", "bottom-ppl"))
    )
    shown = {metric.label: metric.value for metric in app.metric}
    only = int(found.only_a.sum())
    assert shown["Only helpful"] == str(only)
    assert int(shown["Both"]) + only == 30
    assert len(app.get("plotly_chart")) == 1
    app.button(key="browse_only helpful").click().run()
    assert len(lists(app)[0]["traces"]) == only
    assert f"among {only} chosen traces" in words(app)


def test_one_selection_is_not_enough(open_app: Open, project: Project) -> None:
    save_selection(project, "helpful", Recipe("influence:gold", keep=0.5))
    assert "Two saved selections are needed" in words(open_app(project.root, "compare"))


def test_two_runs_are_compared_by_a_score_of_both(open_app: Open, project: Project) -> None:
    """The second run is the first one with influence turned round."""
    (first,) = project.runs
    second = first.with_name("20260203-040506-turned.duckdb")
    shutil.copy(first, second)
    with duckdb.connect(str(second)) as connection:
        connection.execute("UPDATE scores SET value = -value WHERE name = 'influence/gold'")
        connection.execute("UPDATE run SET run_id = '20260203-040506-turned', dtype = 'bfloat16'")
    app = open_app(project.root, "compare")
    app.session_state["compare_what"] = "Two runs"
    app.run()
    assert not app.error
    app.selectbox(key="compare_run_score").set_value("influence/gold").run()
    assert "influence/gold** is **−1" in words(app)
    assert {"float32", "bfloat16"} <= set(words(app).replace("|", " ").split())
    up, down = lists(app)
    assert up["traces"]
    assert down["traces"]
    assert {one["id"] for one in up["traces"]}.isdisjoint(one["id"] for one in down["traces"])
    assert RUN_ID in project.runs[0].name


def test_one_run_is_not_enough(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "compare")
    app.session_state["compare_what"] = "Two runs"
    app.run()
    assert "Two runs are needed" in words(app)
