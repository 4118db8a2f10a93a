"""A browser that has not yet heard of a change: its next click brings the old values of other widgets, and undoes nothing."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.recipes import Recipe
from curation.selection.saved import load_recipe, save_selection
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.store.reading import history
from curation.store.saved_views import save_view
from curation.store.search import Search
from curation.store.view import Range, View
from tests.app.looking import key_now, lists

Open = Callable[..., AppTest]


def late(app: AppTest, act: Callable[[], object]) -> None:
    """Act, then let the browser say once more what it knew before it: that of a click that came too early."""
    before = app._tree.get_widget_states()
    act()
    # A browser does not say of a button that it was not clicked.
    app._run(type(before)(widgets=[one for one in before.widgets if not one.HasField("trigger_value")]))


def listed(app: AppTest) -> int:
    return len(lists(app)[0]["traces"])


@pytest.fixture
def project_of_views(project: Project) -> Project:
    view = View(
        "rsr",
        descending=False,
        verdict="none",
        ranges=(Range("rsr", 2.0, 8.0),),
        facets=((":source", ("sums.jsonl",)),),
        search=Search("BAGS", "any case"),
        columns=("tokens",),
    )
    save_view(project, "everything", view)
    save_selection(project, "helpful", Recipe("influence", keep=0.5, group="gold"))
    return project


def test_filters_that_were_cleared_stay_so(open_app: Open, project_of_views: Project) -> None:
    app = open_app(project_of_views.root, "browse", view="everything")
    app.session_state["filters"] = True
    app.run()
    assert 0 < listed(app) < 60
    late(app, lambda: app.button(key="clear").click().run())
    assert listed(app) == 60
    assert app.text_input(key=key_now(app, "browse_search")).value == ""
    late(app, lambda: app.button(key="view_everything").click().run())
    assert 0 < listed(app) < 60
    assert app.text_input(key=key_now(app, "browse_search")).value == "BAGS"
    assert app.number_input(key=key_now(app, "limit_at most_rsr")).value == 8.0
    assert app.button_group(key=key_now(app, "facet_:source")).value == ["sums.jsonl"]


def test_a_reason_goes_with_one_decision(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    first, second = (trace["id"] for trace in lists(app)[0]["traces"][:2])
    app.text_input(key="reason").set_value("wrong rule").run()
    before = app._tree.get_widget_states()
    app.button(key="veto").click().run()
    click = app.button(key="veto").click()._widget_state
    app._run(type(before)(widgets=[one for one in before.widgets if one.id != click.id] + [click]))
    catalogue = open_catalogue(project)
    assert [event.reason for event in history(catalogue, first)] == ["wrong rule"]
    assert [event.reason for event in history(catalogue, second)] == [""]


def test_a_saved_selection_stays_the_current_one(open_app: Open, project_of_views: Project) -> None:
    app = open_app(project_of_views.root, "select")
    app.text_input(key="save_name").set_value("mine").run()
    late(app, lambda: app.button(key="save").click().run())
    assert app.selectbox(key=key_now(app, "selection_name")).value == "mine"


def test_what_is_saved_is_what_the_slider_said_when_save_was_clicked(
    open_app: Open, project: Project
) -> None:
    app = open_app(project.root, "select")
    app.text_input(key="save_name").set_value("mine").run()
    app.slider(key="keep_share").set_value(60.0)
    app.button(key="save").click().run()
    assert load_recipe(project, "mine").keep == 0.6


def test_a_threshold_stays_where_a_click_put_it(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    app.selectbox(key="recipe").set_value("top").run()
    app.button_group(key="keep_by").set_value("Threshold").run()
    slider = app.slider(key="threshold")
    elsewhere = slider.min + 10 * slider.step
    assert slider.value != elsewhere

    def click_on_a_bar() -> None:
        app.session_state["thresholds"] = dict.fromkeys(app.session_state["thresholds"], elsewhere)
        app.run()

    late(app, click_on_a_bar)
    assert app.slider(key=key_now(app, "threshold")).value == elsewhere
