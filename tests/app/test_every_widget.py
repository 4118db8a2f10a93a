"""Every widget of every page, used once each in every way that it offers: nothing fails, whatever it does."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.project import Project
from curation.store.saved_views import save_view
from curation.store.view import View
from tests.app.answers import keep_two_models
from tests.app.conftest import APP
from tests.app.looking import words
from tests.app.runs import add_turned_run
from tests.app.test_proof import keep_comparison
from tests.browser.looking import PAGES

Open = Callable[..., AppTest]
Act = Callable[[AppTest], AppTest]
PRESSED = ("button", "checkbox", "toggle")
CHOSEN = ("selectbox", "button_group")
MOVED = ("slider", "number_input")
# A scoring run is a program of its own; tests/app/test_runs.py starts one.
ELSEWHERE = ("FormSubmitter:start-Start scoring",)


@pytest.fixture
def full(project: Project) -> Project:
    """A project with two runs, selections, a view, trainings and answers, so that every page has what it can show."""
    add_turned_run(project)
    keep_comparison(project)
    save_selection(project, "half", Recipe("influence", keep=0.5, group="gold"))
    save_selection(project, "plain", Recipe("bottom-ppl", keep=0.3))
    save_view(project, "low", View("influence/gold", False))
    keep_two_models(project)
    return project


def acts(app: AppTest) -> Iterator[tuple[str, Act]]:
    """A name and a way to use it, for every widget that is on the page."""
    for kind in (*PRESSED, *CHOSEN, *MOVED, "multiselect", "text_input"):
        for one in getattr(app, kind):
            if one.key not in ELSEWHERE and not one.disabled:
                for value in values(kind, one):
                    yield f"{kind} {one.key} {value!r}", use(kind, one.key, value)


def values(kind: str, widget: Any) -> list[Any]:
    """What to set a widget to; options by their place."""
    if kind in CHOSEN:
        return list(range(len(widget.options)))
    if kind in MOVED:
        return [widget.min, widget.max if widget.max is not None else widget.min]
    if kind == "multiselect":
        return [widget.options[:1], []]
    return ["x"] if kind == "text_input" else [not getattr(widget, "value", False)]


def use(kind: str, key: str, value: Any) -> Act:
    """A press, a choice, a move or a word."""

    def act(app: AppTest) -> AppTest:
        widget = getattr(app, kind)(key=key)
        if kind == "button":
            widget.click()
        elif kind == "selectbox":
            widget.select_index(value)
        elif kind == "button_group":
            return chosen(app, key, widget.options[value])
        else:
            widget.set_value(value)
        return app.run()

    return act


def chosen(app: AppTest, key: str, label: str) -> AppTest:
    """Choose by a label, which is all that AppTest tells of a choice; it takes the value behind it."""
    labels = ButtonGroup.formatted_values
    shown = property(lambda one: [label] if one.key == key else labels.fget(one))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ButtonGroup, "formatted_values", shown)
        return app.run()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_widget_can_be_used(open_app: Open, full: Project, page: str) -> None:
    open_app(full.root)  # Reads the project; the tabs below find it read.
    failed = []
    for name, act in list(acts(tab(page))):
        app = act(tab(page))
        if app.exception or "This page failed" in words(app):
            failed.append(name)
    assert not failed


def tab(page: str) -> AppTest:
    """The page in a tab of its own, with everything on it that can be opened."""
    app = AppTest.from_file(str(APP), default_timeout=30)
    for panel in ("filters", "decide_all", "metadata") if page == "browse" else ():
        app.session_state[panel] = True
    return app.run() if page == "overview" else app.switch_page(f"pages/{page}.py").run()
