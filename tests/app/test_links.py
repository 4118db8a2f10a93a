"""Links under AppTest: an address names what a tab shows, and a tab opened by it shows that."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.project import Project
from curation.store.saved_views import save_view
from curation.store.view import Range, View
from curation.ui import address
from tests.app.looking import key_now, lists, words
from tests.app.project import HOSTILE, RUN_ID
from tests.app.runs import TURNED, add_turned_run

Open = Callable[..., AppTest]


@pytest.fixture
def rich(project: Project) -> Project:
    """Two runs, two selections and a view."""
    add_turned_run(project)
    save_selection(project, "helpful", Recipe("influence", keep=0.5, group="gold"))
    save_selection(project, "plain, 30%", Recipe("bottom-ppl", keep=0.3))
    save_view(project, "low", View("influence/gold", False, ranges=(Range("rsr", 5.0),)))
    return project


def shown(app: AppTest) -> tuple[str, str]:
    run, selection = (app.selectbox(key=key_now(app, name)) for name in ("run_id", "selection_name"))
    return run.value, selection.value


@pytest.mark.parametrize("page", ["overview", "browse", "plane", "map", "export", "runs"])
def test_a_link_shows_its_run_and_selection_on_every_page(open_app: Open, rich: Project, page: str) -> None:
    app = open_app(rich.root, page, run=RUN_ID, selection="plain, 30%")
    assert not app.error
    assert shown(app) == (RUN_ID, "plain, 30%")
    assert "There is no" not in words(app)


def test_the_address_names_what_the_pickers_show(open_app: Open, rich: Project) -> None:
    app = open_app(rich.root)
    assert shown(app) == (TURNED, "helpful")
    assert (app.query_params["run"], app.query_params["selection"]) == (TURNED, "helpful")
    app.selectbox(key="run_id").set_value(RUN_ID).run()
    app.selectbox(key="selection_name").set_value("plain, 30%").run()
    assert (app.query_params["run"], app.query_params["selection"]) == (RUN_ID, "plain, 30%")


def test_a_switch_of_pages_keeps_run_and_selection(open_app: Open, rich: Project) -> None:
    app = open_app(rich.root, "overview", run=RUN_ID, selection="plain, 30%")
    links = [link.proto for link in app.sidebar.get("page_link")]
    assert {link.query_string for link in links} == {f"run={RUN_ID}&selection=plain%2C+30%25"}
    app.button(key="next_step").click().run()
    assert lists(app)
    assert app.query_params["run"] == RUN_ID
    app.query_params.clear()  # As a link without them does.
    app.switch_page("pages/map.py").run()
    assert shown(app) == (RUN_ID, "plain, 30%")
    assert (app.query_params["run"], app.query_params["selection"]) == (RUN_ID, "plain, 30%")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_link_names_and_is_not_there_is_said_once(open_app: Open, rich: Project, text: str) -> None:
    app = open_app(
        rich.root, "browse", run=text, selection=text, view=text, trace=lists_first(open_app, rich)
    )
    assert not app.exception
    assert not app.error
    said = words(app)
    assert "There is no run" in said
    assert "There is no selection" in said
    assert "cannot name a view" in said
    assert shown(app) == (TURNED, "helpful")
    for element in [*app.info, *app.markdown, *app.caption]:
        assert "<script" not in element.value
        assert "](" not in element.value.replace("\\](", "")
    assert "view" not in app.query_params
    app.run()
    assert "There is no" not in words(app)


def test_a_wrong_view_is_named_beside_a_wrong_trace(open_app: Open, rich: Project) -> None:
    app = open_app(rich.root, "browse", view="gone", trace="gone")
    assert "There is no view 'gone' (saved: low)" in words(app)
    assert "No trace here has the id gone" in words(app)


def lists_first(open_app: Open, project: Project) -> str:
    first: str = lists(open_app(project.root, "browse"))[0]["traces"][0]["id"]
    return first


def test_a_link_into_a_project_without_runs_says_so(open_app: Open, project: Project) -> None:
    for path in project.runs:
        path.unlink()
    app = open_app(project.root, "overview", run="gone", selection="gone")
    assert "There is no run “gone” here; none has been made yet." in words(app)
    assert "There is no selection “gone” here; none is saved yet." in words(app)
    assert "run" not in app.query_params


def test_a_link_shows_a_saved_view_until_it_is_changed(open_app: Open, rich: Project) -> None:
    app = open_app(rich.root, "browse", view="low", run=RUN_ID)
    assert "5 ≤ rsr" in words(app)
    assert app.selectbox(key="browse_order").value is False
    assert app.query_params["view"] == "low"
    app.button(key="next").click().run()
    assert app.query_params["view"] == "low"
    app.selectbox(key="browse_order").set_value(True).run()
    assert "view" not in app.query_params
    app.text_input(key="view_name").set_value("mine").run()
    app.button(key="save_view").click().run()
    assert app.query_params["view"] == "mine"
    app.button(key="view_low").click().run()
    assert app.query_params["view"] == "low"
    app.button(key="clear").click().run()
    assert "view" not in app.query_params


def test_a_late_address_is_not_followed_but_the_way_back_is(
    open_app: Open, rich: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click may come before the browser has the new address; only its history changes what is shown."""
    app = open_app(rich.root)
    app.selectbox(key="run_id").set_value(RUN_ID).run()
    app.query_params["run"] = TURNED
    app.run()
    assert shown(app)[0] == RUN_ID
    assert app.query_params["run"] == RUN_ID
    app.query_params["run"] = TURNED
    monkeypatch.setattr(address, "_came_by_history", lambda: True)
    app.run()
    assert shown(app)[0] == TURNED
