"""Settings under AppTest: saved in project.toml, and followed where nothing else was chosen."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store import reading
from curation.store.catalogue import open_catalogue
from curation.store.project import Defaults, Project, open_project, save_settings
from tests.app.looking import lists, words
from tests.app.project import HOSTILE

Open = Callable[..., AppTest]


def actor_of_a_veto(app: AppTest, project: Project) -> str:
    trace_id = lists(app)[0]["chosen"]
    app.button(key="veto").click().run()
    catalogue = open_catalogue(project)
    actor = reading.history(catalogue, trace_id)[0].actor
    catalogue.close()
    return actor


def test_what_is_saved_is_in_the_project_and_shown_again(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "settings")
    app.text_input(key="default_reviewer").set_value(" ann ")
    app.selectbox(key="default_format").set_value("alpaca")
    app.button_group(key="template_kind").set_value("own").run()
    app.text_area(key="template_text").set_value("Q: {prompt}\nA:").run()
    app.button(key="save_settings").click().run()
    assert "Saved in project.toml" in words(app)
    saved = open_project(project.root)
    assert (saved.name, saved.template) == (project.name, "Q: {prompt}\nA:")
    assert saved.defaults == Defaults("ann", "alpaca")
    again = open_app(project.root, "settings")
    assert again.text_input(key="default_reviewer").value == "ann"
    assert again.selectbox(key="default_format").value == "alpaca"
    assert again.text_area(key="template_text").value == "Q: {prompt}\nA:"
    again.button_group(key="template_kind").set_value("plain").run()
    assert not again.text_area
    again.button(key="save_settings").click().run()
    assert open_project(project.root).template == "plain"


def test_a_template_without_a_prompt_is_refused(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "settings")
    app.button_group(key="template_kind").set_value("own").run()
    app.text_area(key="template_text").set_value("Question:").run()
    app.button(key="save_settings").click().run()
    assert "The template has no {prompt} in it" in words(app)
    assert open_project(project.root) == project


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_settings_are_data(open_app: Open, project: Project, text: str) -> None:
    text = " ".join(text.replace("\x00", "").split())[:80].strip()
    save_settings(project, template=f"{{prompt}} {text}", defaults=Defaults(text, text))
    app = open_app(project.root, "settings")
    assert not app.exception
    assert not app.error
    assert app.text_input(key="default_reviewer").value == text
    assert "which is no format here" in words(app)
    app.button(key="save_settings").click().run()
    assert open_project(project.root).defaults.reviewer == text
    for element in [*app.markdown, *app.caption]:
        assert "<script" not in element.value
        assert "](" not in element.value.replace("\\](", "")


def test_a_typed_reviewer_wins_over_the_projects(open_app: Open, project: Project) -> None:
    save_settings(project, template="auto", defaults=Defaults("ann"))
    app = open_app(project.root, "browse")
    assert app.sidebar.text_input(key="reviewer").placeholder == "ann"
    assert actor_of_a_veto(app, project) == "ann"
    app.sidebar.text_input(key="reviewer").set_value("bob").run()
    assert actor_of_a_veto(app, project) == "bob"
    save_settings(project, template="auto", defaults=Defaults("cleo"))
    assert actor_of_a_veto(app, project) == "bob"
    app.sidebar.text_input(key="reviewer").set_value(" ").run()
    assert actor_of_a_veto(app, project) == "cleo"


def test_without_any_name_it_is_the_users(
    open_app: Open, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "dora")
    assert actor_of_a_veto(open_app(project.root, "browse"), project) == "dora"


@pytest.mark.parametrize(
    ("suggested", "shown"), [("alpaca", "alpaca"), ("scroll", "messages"), ("", "messages")]
)
def test_an_export_begins_with_the_projects_format(
    open_app: Open, project: Project, suggested: str, shown: str
) -> None:
    save_selection(project, "half", Recipe("influence", keep=0.5, group="gold"))
    save_settings(project, template="auto", defaults=Defaults(export_format=suggested))
    app = open_app(project.root, "export")
    assert app.selectbox(key="export_format").value == shown
    app.selectbox(key="export_format").set_value("sharegpt").run()
    assert app.selectbox(key="export_format").value == "sharegpt"


def test_damaged_settings_are_a_sentence(open_app: Open, project: Project) -> None:
    (project.root / "project.toml").write_text("name = 'a'\ndefaults = 3")
    app = open_app(project.root)
    assert "cannot be read (defaults is no table); mend or restore it" in app.error[0].value.replace("\\", "")
