"""Map under AppTest. A lasso cannot be drawn there, so its event is put where the chart would put it."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.points import points
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.app.project import RUN_ID

Open = Callable[..., AppTest]
RIGHT_HALF = {"selection": {"box": [{"x": [0.0, 99.0], "y": [-99.0, 99.0]}], "points": [], "lasso": []}}


@pytest.fixture
def inside(project: Project) -> list[str]:
    """The traces in the right half of the map."""
    catalogue = open_catalogue(project)
    places = points(catalogue, RUN_ID)
    assert places is not None
    return [one for one, x in zip(frame_of(catalogue).names, places.x, strict=True) if x >= 0]


def test_every_colour_draws_every_point(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "map")
    colours = app.selectbox(key="map_colour").options
    for colour in colours:
        app.selectbox(key="map_colour").set_value(colour).run()
        assert not app.error
        assert len(app.get("plotly_chart")) == 1
    assert {"influence/gold", "rsr", "Verdict", "Cluster", "Source"} <= set(colours)
    assert "Nothing is in the lasso yet" in words(app)


def test_a_lasso_is_decided_in_bulk_and_undone_in_one_step(
    open_app: Open, project: Project, inside: list[str]
) -> None:
    app = open_app(project.root, "map")
    app.session_state["map"] = RIGHT_HALF
    app.run()
    assert f"{len(inside)} traces" in words(app)
    app.text_input(key="lasso_reason").set_value("all alike").run()
    app.session_state["map"] = RIGHT_HALF
    app.button(key="lasso_veto").click().run()
    catalogue = open_catalogue(project)
    found = catalogue.rows("SELECT trace_id, verdict, reason FROM verdicts ORDER BY trace_id")
    assert found == [(trace_id, "veto", "all alike") for trace_id in sorted(inside)]
    assert f"Vetoed {len(inside)} traces" in words(app)


def test_a_lasso_becomes_a_filter_of_browse(open_app: Open, project: Project, inside: list[str]) -> None:
    app = open_app(project.root, "map")
    app.session_state["map"] = RIGHT_HALF
    app.run()
    app.session_state["map"] = RIGHT_HALF
    app.button(key="lasso_browse").click().run()
    assert {trace["id"] for trace in lists(app)[0]["traces"]} == set(inside)
    assert f"among {len(inside)} chosen traces" in words(app)


def test_without_a_map_the_command_that_makes_one_is_named(open_app: Open, project: Project) -> None:
    for path in project.maps:
        path.unlink()
    app = open_app(project.root, "map")
    assert "curation map" in words(app)
    assert app.button(key="make_map").label == "Make the map"
