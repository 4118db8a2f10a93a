"""Select under AppTest."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from curation.selection.recipes import RECIPES, Recipe
from curation.selection.saved import load_recipe, save_selection
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.app.project import RUN_ID

Open = Callable[..., AppTest]


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_every_recipe_counts_live(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    for name in RECIPES:
        if name != "rds+":
            app.selectbox(key="recipe").set_value(name).run()
            assert not app.error
            assert figures(app)["Kept"] == "30"
    app.slider(key="keep_share").set_value(20.0).run()
    assert (figures(app)["Kept"], figures(app)["Pruned"]) == ("12", "48")


def test_a_recipe_without_its_scores_is_a_sentence(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    app.selectbox(key="recipe").set_value("rds+").run()
    assert "rds+" in app.error[0].value.replace("\\", "")


def test_a_threshold_keeps_what_is_at_least_that(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    app.button_group(key="keep_by").set_value("Threshold").run()
    app.slider(key="threshold").set_value(1.0).run()
    threshold = app.slider(key="threshold").value
    sql = "SELECT count(*) FROM scores WHERE name = 'influence/gold' AND value >= ?"
    expected = open_catalogue(project).rows(sql, [threshold])[0][0]
    assert figures(app)["Kept"] == str(expected)
    assert 0 < expected < 60


def test_saving_makes_it_the_current_selection_and_shows_what_would_change(
    open_app: Open, project: Project
) -> None:
    app = open_app(project.root, "select")
    app.button(key="save").click().run()
    assert "Write a name first" in words(app)
    app.text_input(key="save_name").set_value("half, gold").run()
    app.button(key="save").click().run()
    recipe = load_recipe(project, "half, gold")
    assert (recipe.name, recipe.run_id, recipe.group, recipe.keep) == ("influence", RUN_ID, "gold", 0.5)
    assert app.sidebar.selectbox(key="selection_name").value == "half, gold"
    assert "Keeps **30** of 60 (50.0%), " in app.sidebar.caption[-1].value
    assert "**0 traces** would enter" in words(app)
    app.slider(key="keep_share").set_value(60.0).run()
    assert "**6 traces** would enter" in words(app)
    entering = {trace["id"] for trace in lists(app)[0]["traces"]}
    catalogue = open_catalogue(project)
    wider = select(catalogue, Recipe("influence", keep=0.6, group="gold"))
    assert entering == set(wider.selected_ids) - set(select(catalogue, recipe).selected_ids)


def test_a_name_that_cannot_be_a_file_is_refused(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    app.text_input(key="save_name").set_value("../escape").run()
    app.button(key="save").click().run()
    assert "cannot name a selection" in words(app)
    assert list((project.root / "selections").iterdir()) == []


def test_decisions_beat_the_recipe_and_are_counted(open_app: Open, project: Project) -> None:
    catalogue = open_catalogue(project)
    inside = select(catalogue, Recipe("influence", group="gold")).selected_ids
    outside = [i for (i,) in catalogue.rows("SELECT trace_id FROM traces") if i not in inside]
    decide(project, inside[:3], "veto")
    decide(project, outside[:2], "keep")
    app = open_app(project.root, "select")
    assert [figures(app)[name] for name in ("Kept", "Vetoed by hand", "Kept by hand")] == ["29", "3", "2"]
    assert "5 decisions overturn the recipe" in words(app)


def test_the_reader_says_why_a_trace_is_in_or_out(open_app: Open, project: Project) -> None:
    save_selection(project, "half", Recipe("influence", keep=0.5, group="gold"))
    app = open_app(project.root, "browse")
    assert "In half: kept: influence/gold is #1 of 60" in words(app).replace("**", "")
    app.button(key="veto").click().run()
    app.button(key="previous").click().run()
    assert "Out of half: vetoed by hand" in words(app).replace("**", "")
