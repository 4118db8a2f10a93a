"""Plane under AppTest: every pair of scores, the boundary, the quadrants, and a lasso that takes what is not drawn too."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.app.looking import words

Open = Callable[..., AppTest]


def chart(app: AppTest, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.get("plotly_chart")[number].proto.spec)
    return found


def dashed(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the boundary."""
    return [shape for shape in spec["layout"]["shapes"] if shape["line"].get("dash") == "dash"]


def values(project: Project, name: str) -> dict[str, float]:
    rows = open_catalogue(project).rows("SELECT trace_id, value FROM scores WHERE name = ?", [name])
    return dict(rows)


def test_the_first_view_is_correct_against_incorrect_with_its_quadrants(
    open_app: Open, project: Project
) -> None:
    app = open_app(project.root, "plane")
    assert not app.error
    spec = chart(app)
    assert spec["layout"]["xaxis"]["title"]["text"] == "influence/correct"
    assert spec["layout"]["yaxis"]["title"]["text"] == "influence/incorrect"
    assert [trace["name"] for trace in spec["data"]] == ["undecided (60)"]
    correct, incorrect = (values(project, f"influence/{group}") for group in ("correct", "incorrect"))
    harmful = sum(correct[one] <= 0 and incorrect[one] > 0 for one in correct)
    assert f"| − | + | {harmful} " in words(app)


def test_any_two_scores_can_be_the_axes(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "plane")
    for name in app.selectbox(key="plane_x").options:
        app.selectbox(key="plane_x").set_value(name).run()
        assert not app.error
        assert not app.exception
    app.selectbox(key="plane_x").set_value("rsr").run()
    assert "1 have not both scores" in words(app)


@pytest.mark.parametrize("recipe", ["influence:correct", "influence-combined"])
def test_the_recipe_s_boundary_parts_what_it_keeps(open_app: Open, project: Project, recipe: str) -> None:
    save_selection(project, "some", Recipe(recipe, keep=0.5))
    app = open_app(project.root, "plane")
    spec = chart(app)
    lines = dashed(spec)
    assert len(lines) == (1 if recipe.startswith("influence:") else 2)
    app.session_state["plane_axes"] = "Places"
    app.run()
    assert not app.error
    spec_of_places = chart(app)
    if recipe.startswith("influence:"):
        assert [shape["x0"] for shape in dashed(spec_of_places)] == [50.0]
    assert "place in %" in spec_of_places["layout"]["xaxis"]["title"]["text"]
    named = {trace["name"].partition(" (")[0]: trace for trace in spec["data"]}
    assert set(named) == {"pruned", "in the selection"}
    assert named["pruned"]["marker"]["symbol"] != named["in the selection"]["marker"]["symbol"]
    if recipe.startswith("influence:"):
        correct = values(project, "influence/correct")
        kept = {one for one, value in correct.items() if value >= lines[0]["x0"]}
        assert len(kept) == 30
        assert "(30)" in [trace["name"] for trace in spec["data"]][1]


def test_a_lasso_on_the_plane_is_decided_in_bulk(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "plane")
    box = {"selection": {"box": [{"x": [-99.0, 0.0], "y": [0.0, 99.0]}], "points": [], "lasso": []}}
    app.session_state["plane"] = box
    app.run()
    correct, incorrect = (values(project, f"influence/{group}") for group in ("correct", "incorrect"))
    inside = sorted(one for one in correct if correct[one] <= 0 <= incorrect[one])
    assert f"{len(inside)} traces" in words(app)
    app.session_state["plane"] = box
    app.button(key="lasso_veto").click().run()
    found = open_catalogue(project).rows(
        "SELECT trace_id FROM verdicts WHERE verdict = 'veto' ORDER BY trace_id"
    )
    assert [one for (one,) in found] == inside
    assert f"vetoed ({len(inside)})" in [trace["name"] for trace in chart(app)["data"]]


def test_all_scores_are_compared_with_all(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "plane")
    matrix = chart(app, 1)["data"][0]
    assert len(matrix["x"]) == len(app.selectbox(key="plane_x").options)
    assert "Spearman's correlation over 60 traces" in words(app)


def test_without_scores_the_way_to_them_is_named(open_app: Open, project: Project) -> None:
    for path in project.runs:
        path.unlink()
    app = open_app(project.root, "plane")
    assert "needs scores" in words(app)
    assert not app.exception
