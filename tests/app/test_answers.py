"""The page on which a curator reads what models answered."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.project import Project
from curation.validation.answer_list import KINDS, fitting, verdict_of
from tests.app.answers import FIRST, SECOND, answers, keep_answers, keep_two_models
from tests.app.looking import step_views, words
from tests.app.project import HOSTILE
from tests.app.test_browse import turn_page

Open = Callable[..., AppTest]


def texts(app: AppTest) -> list[str]:
    """The raw texts on the page."""
    return ["".join(step["text"] for step in view["steps"]) for view in step_views(app)]


def show(app: AppTest, file: str) -> AppTest:
    return app.selectbox(key="answers_file").set_value(file).run()


@pytest.fixture
def asked(project: Project) -> Project:
    keep_two_models(project)
    return project


def test_without_answers_it_says_how_to_get_some(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "answers")
    assert "curation rollouts PROJECT PROBLEMS --model M" in words(app)
    keep_answers(project, "empty", [])
    assert "No model was asked yet" in words(app.run())


def test_an_answer_stands_with_its_problem_and_its_verdict(open_app: Open, asked: Project) -> None:
    app = show(open_app(asked.root, "answers"), FIRST)
    assert {one.label: one.value for one in app.metric} == {
        "Problems": "6",
        "Accuracy": "20.0%",
        "Cut off": "1",
        "No answer": "2",
    }
    assert list(app.dataframe[0].value["verdict"]) == [
        "right",
        "wrong",
        "wrong, cut off",
        "wrong",
        "not graded",
        "wrong",
    ]
    assert texts(app)[:3] == ["1 + 1? (0)", "2", "It is\n#### 2"]
    assert "✓ right" in words(app)
    assert "Final answer **2** :gray[(marked)]" in words(app)
    app.button(key="answers_Next").click().run()
    assert texts(app)[:3] == ["1 + 1? (1)", "2", "Perhaps 3"]
    assert "✕ wrong" in words(app)
    assert "(none is marked; the last number)" in words(app)
    app.button(key="answers_Previous").click().run()
    assert texts(app)[0] == "1 + 1? (0)"
    assert app.button(key="answers_Previous").disabled


def test_a_row_that_is_selected_is_shown(open_app: Open, asked: Project) -> None:
    app = show(open_app(asked.root, "answers"), FIRST)
    states = app._tree.get_widget_states()
    control = states.widgets.add()
    control.id = app.dataframe[0].proto.id
    control.string_value = json.dumps({"selection": {"rows": [3], "columns": [], "cells": []}})
    app._run(states)
    assert texts(app)[2] == "No idea,\nreally none."
    assert "no final answer is found" in words(app)
    app.button(key="answers_Next").click().run()
    assert "not graded" in words(app)


def test_what_other_models_answered_stands_beside_it(open_app: Open, asked: Project) -> None:
    app = show(open_app(asked.root, "answers"), FIRST)
    assert "2 other answers to this problem" in words(app)
    assert texts(app)[3:] == ["It is\n#### 2, says the base"] * 2
    show(app, SECOND)
    assert "4 answers, of which 2 are right; 1 problem with a right one." in words(app)
    assert texts(app)[3:] == ["It is\n#### 2, says the base", "It is\n#### 2"]
    app.button(key="answers_Next").click().run()
    assert "sample 2" in words(app)


def test_filter_and_search_narrow_the_list(open_app: Open, asked: Project) -> None:
    app = show(open_app(asked.root, "answers"), FIRST)
    app.session_state["answers_kind"] = "No answer"
    app.run()
    assert list(app.dataframe[0].value["verdict"]) == ["wrong, cut off", "wrong"]
    app.text_input(key="answers_search").set_value("NO IDEA").run()
    assert list(app.dataframe[0].value["problem"]) == ["1 + 1? (3)"]
    app.text_input(key="answers_search").set_value("nowhere").run()
    assert "No answer fits." in words(app)
    assert not app.dataframe


def test_kinds_and_search_of_answers() -> None:
    given = answers()
    counts = {kind: len(fitting(given, kind, "")) for kind in KINDS}
    assert counts == {"All": 6, "Right": 1, "Wrong": 4, "Cut off": 1, "No answer": 2}
    assert [one.problem_id for one in fitting(given, "Wrong", "perhaps")] == ["1"]
    assert verdict_of(replace(given[0], finished=False)) == "right, cut off"


def test_text_of_an_answer_is_data(open_app: Open, asked: Project) -> None:
    app = show(open_app(asked.root, "answers"), FIRST)
    for _ in range(5):
        app.button(key="answers_Next").click().run()
    assert texts(app) == [HOSTILE[0], f"{HOSTILE[6]} (5)", HOSTILE[3], HOSTILE[4]]
    markdown = "\n".join(str(one.value) for one in [*app.markdown, *app.caption])
    for text in ("<script>", "![pixel]", "https://example", ":red["):
        assert text not in markdown.replace("\u2060", "")
    assert not app.exception


def test_a_long_list_has_pages_and_shows_that_of_the_answer(open_app: Open, project: Project) -> None:
    keep_answers(project, "many", answers(250))
    app = open_app(project.root, "answers")
    turn_page(app, 3)
    assert len(app.dataframe[0].value) == 50
    assert "201 of 250 answers" in words(app)
    app.button(key="answers_Previous").click().run()
    assert len(app.dataframe[0].value) == 100
    assert "200 of 250 answers" in words(app)


def test_a_damaged_file_is_named_and_the_others_show(open_app: Open, asked: Project) -> None:
    keep_answers(asked, "broken", []).write_text('{"problem_id": 1}\nno json\n')
    app = open_app(asked.root, "answers")
    assert [one.value.replace("\u2060", "").replace("\\", "") for one in app.warning] == [
        "Line 1 of rollouts/broken.jsonl cannot be read; restore the file, or move it away to ask again."
    ]
    assert app.selectbox(key="answers_file").options == [SECOND, FIRST]
    assert len(app.dataframe) == 1
