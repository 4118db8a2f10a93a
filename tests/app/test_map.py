"""Map under AppTest. A lasso cannot be drawn there, so its event is put where the chart would put it."""

import base64
import json
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.points import points
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.app.project import HOSTILE, RUN_ID
from tests.app.runs import TURNED, add_turned_run, map_turned_run

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


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def names(chart: dict[str, Any]) -> list[str]:
    return [one["text"] for one in chart["layout"].get("annotations", [])]


def drawn_ids(chart: dict[str, Any]) -> set[str]:
    return {one for trace in chart["data"] for one in trace["customdata"]}


def values(chart: dict[str, Any]) -> dict[str, float]:
    """The score of each trace on a map that a score colours."""
    (trace,) = chart["data"]
    found = np.frombuffer(base64.b64decode(trace["text"]["bdata"]), trace["text"]["dtype"])
    return dict(zip(trace["customdata"], found.tolist(), strict=True))


def test_clusters_are_named_at_their_middles_until_that_is_switched_off(
    open_app: Open, project: Project
) -> None:
    app = open_app(project.root, "map")
    places = points(open_catalogue(project), RUN_ID)
    assert places is not None
    annotations = charts(app)[0]["layout"]["annotations"]
    assert [one["text"].partition(":")[0] for one in annotations] == ["0", "1", "2"]
    for number, one in enumerate(annotations):
        members = places.clusters == number
        assert one["x"] == pytest.approx(np.median(places.x[members]))
        assert one["y"] == pytest.approx(np.median(places.y[members]))
    app.toggle(key="map_names").set_value(False).run()
    assert names(charts(app)[0]) == []


def test_more_clusters_than_can_be_named_are_not_named(open_app: Open, project: Project) -> None:
    with duckdb.connect(str(project.maps[0])) as connection:
        connection.execute(
            "UPDATE map SET cluster = row % 31 FROM (SELECT trace_id AS t, row_number() OVER () AS row FROM map) WHERE t = trace_id"
        )
    app = open_app(project.root, "map")
    assert app.toggle(key="map_names").disabled
    assert names(charts(app)[0]) == []


def test_hostile_words_in_names_are_text(
    open_app: Open, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.ui.cached.cluster_names", lambda *_: (HOSTILE[0], HOSTILE[3], "%{x} <b>"))
    app = open_app(project.root, "map")
    assert not app.error
    shown = names(charts(app)[0])
    assert len(shown) == 3
    assert not any("<" in name or "%{" in name for name in shown)


def test_two_runs_stand_side_by_side_with_the_same_traces_and_their_own_scores(
    open_app: Open, project: Project
) -> None:
    assert not [one for one in open_app(project.root, "map").selectbox if one.key == "map_beside"]
    add_turned_run(project)
    map_turned_run(project, without=4)
    app = open_app(project.root, "map", run=RUN_ID)
    assert len(charts(app)) == 1
    app.selectbox(key="map_beside").set_value(TURNED).run()
    assert not app.error
    first, second = charts(app)
    assert len(drawn_ids(first)) == 60
    assert len(drawn_ids(first) - drawn_ids(second)) == 4
    assert drawn_ids(second) < drawn_ids(first)
    one, other = values(first), values(second)
    assert all(
        other[trace_id] == pytest.approx(-value) for trace_id, value in one.items() if trace_id in other
    )
    assert len(names(first)) == 3
    assert len(names(second)) == 1
    assert {"tiny, 2026-01-02 03:05", "turned, 2026-01-02 03:05"} <= set(
        words(app).replace("**", "").split("\n")
    )
    for colour in app.selectbox(key="map_colour").options:
        app.selectbox(key="map_colour").set_value(colour).run()
        assert not app.error
        assert len(charts(app)) == 2
    app.selectbox(key="map_colour").set_value("Cluster").run()
    first, second = charts(app)
    assert {trace["name"] for trace in second["data"]} == {trace["name"] for trace in first["data"]}
    assert names(second) == []
    app.selectbox(key="run_id").set_value(TURNED).run()
    assert not app.error
    assert len(charts(app)) == 1


def test_a_lasso_on_the_first_map_stands_out_on_the_second(
    open_app: Open, project: Project, inside: list[str]
) -> None:
    add_turned_run(project)
    map_turned_run(project)
    app = open_app(project.root, "map", run=RUN_ID)
    app.selectbox(key="map_beside").set_value(TURNED).run()
    assert "selectedpoints" not in charts(app)[1]["data"][0]
    app.session_state["map"] = RIGHT_HALF
    app.run()
    (trace,) = charts(app)[1]["data"]
    assert {trace["customdata"][place] for place in trace["selectedpoints"]} == set(inside)
    assert f"{len(inside)} traces" in words(app)


def test_a_score_that_the_second_run_lacks_is_named(open_app: Open, project: Project) -> None:
    add_turned_run(project)
    map_turned_run(project)
    with duckdb.connect(str(project.runs[1])) as connection:
        connection.execute("DELETE FROM scores WHERE name = 'rsr'")
    app = open_app(project.root, "map", run=RUN_ID)
    app.selectbox(key="map_colour").set_value("rsr").run()
    app.selectbox(key="map_beside").set_value(TURNED).run()
    assert "This run has no rsr" in words(app)
    assert len(charts(app)) == 1


def test_without_a_map_the_command_that_makes_one_is_named(open_app: Open, project: Project) -> None:
    for path in project.maps:
        path.unlink()
    app = open_app(project.root, "map")
    assert "curation map" in words(app)
    assert app.button(key="make_map").label == "Make the map"
