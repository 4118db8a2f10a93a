"""Further scores in Browse's list, under AppTest."""

from collections.abc import Callable

import duckdb
from streamlit.testing.v1 import AppTest

from curation.store.project import Project
from curation.store.saved_views import load_view, save_view
from curation.store.view import View
from tests.app.looking import key_now, lists
from tests.app.project import HOSTILE

Open = Callable[..., AppTest]


def scores(app: AppTest) -> list[dict[str, object]]:
    """The scores of the first trace in the list."""
    found: list[dict[str, object]] = lists(app)[0]["traces"][0]["scores"]
    return found


def test_chosen_scores_stand_beside_the_one_that_ranks(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    app.button(key="next").click().run()
    second = lists(app)[0]["chosen"]
    ids = [trace["id"] for trace in lists(app)[0]["traces"]]
    app.multiselect(key="browse_columns").set_value(["influence/incorrect", "perplexity", "tokens"]).run()
    assert lists(app)[0]["score_titles"] == ["influence/gold", "influence/incorrect", "perplexity", "tokens"]
    assert [trace["id"] for trace in lists(app)[0]["traces"]] == ids
    assert lists(app)[0]["chosen"] == second
    ranking, signed, plain, tokens = scores(app)
    assert ranking["signed"]
    assert signed["signed"]
    assert signed["share"] is not None
    assert plain["share"] is not None
    assert "perplexity: #" in str(plain["title"])
    assert tokens["share"] is None
    assert str(tokens["label"]).isdigit()


def test_the_ranking_score_is_no_further_column(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    assert "influence/gold" not in app.multiselect(key="browse_columns").options
    app.multiselect(key="browse_columns").set_value(["rsr", "perplexity"]).run()
    app.selectbox(key="browse_score").set_value("perplexity").run()
    assert lists(app)[0]["score_titles"] == ["perplexity", "rsr"]
    app.button(key="next").click().run()
    assert app.multiselect(key=key_now(app, "browse_columns")).value == ["rsr"]


def test_columns_live_in_views_and_outlive_filters(open_app: Open, project: Project) -> None:
    save_view(project, "wide", View("rsr", False, columns=("tokens", "gone", "nll", "steps", "perplexity")))
    app = open_app(project.root, "browse", view="wide")
    assert lists(app)[0]["score_titles"] == ["rsr", "tokens", "nll", "steps"]
    app.text_input(key="browse_search").set_value("bags").run()
    app.button(key="clear").click().run()
    assert lists(app)[0]["score_titles"] == ["rsr", "tokens", "nll", "steps"]
    app.multiselect(key="browse_columns").set_value(["tokens"]).run()
    assert "view" not in app.query_params
    app.text_input(key="view_name").set_value("narrow").run()
    app.button(key="save_view").click().run()
    assert load_view(project, "narrow").columns == ("tokens",)


def test_a_score_that_was_not_computed_is_a_dash(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    app.multiselect(key="browse_columns").set_value(["rsr"]).run()
    labels = [trace["scores"][1]["label"] for trace in lists(app)[0]["traces"]]
    assert labels.count("—") == 1


def test_hostile_names_of_scores_are_data(open_app: Open, project: Project) -> None:
    (run,) = project.runs
    with duckdb.connect(str(run)) as connection:
        for number, text in enumerate(HOSTILE):
            sql = "INSERT INTO scores (trace_id, name, value) SELECT trace_id, ?, value + ? FROM scores WHERE name = 'rsr'"
            connection.execute(sql, [text.replace("\x00", ""), number])
    app = open_app(project.root, "browse")
    names = [text.replace("\x00", "") for text in HOSTILE[:3]]
    app.multiselect(key="browse_columns").set_value(names).run()
    assert not app.exception
    assert not app.error
    assert lists(app)[0]["score_titles"][1:] == names
