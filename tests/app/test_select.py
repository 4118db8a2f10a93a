"""Select under AppTest."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.recipes import RECIPES, Recipe
from curation.selection.saved import load_recipe, save_selection
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.database import load
from curation.store.decisions import decide
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import RUN
from curation.ui.format import number
from curation.ui.markup import escape
from tests.app.looking import key_now, lists, words
from tests.app.project import HOSTILE, RUN_ID

Open = Callable[..., AppTest]


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def values_of(project: Project, name: str) -> dict[str, float]:
    rows = open_catalogue(project).rows("SELECT trace_id, value FROM scores WHERE name = ?", [name])
    return dict(rows)


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(one.proto.spec) for one in app.get("plotly_chart")]


def lines(spec: dict[str, Any]) -> list[float]:
    return [shape["x0"] for shape in spec["layout"].get("shapes", [])]


def shown_in_browse(app: AppTest, key: str) -> set[str]:
    """What a button lists in Browse."""
    app.button(key=key).click().run()
    return set(app.session_state["view"].among.ids.astype(str).tolist())


def test_every_recipe_counts_live(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    for name in RECIPES:
        if name not in ("rds+", "influence-consensus", "medium", "select2reason"):
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
    assert "5 decisions against the recipe" in words(app)


def test_the_reader_says_why_a_trace_is_in_or_out(open_app: Open, project: Project) -> None:
    save_selection(project, "half", Recipe("influence", keep=0.5, group="gold"))
    app = open_app(project.root, "browse")
    assert "In half: kept: influence/gold is #1 of 60" in words(app).replace("**", "")
    app.button(key="veto").click().run()
    app.button(key="previous").click().run()
    assert "Out of half: vetoed by hand" in words(app).replace("**", "")


def test_each_score_shows_where_the_recipe_draws_its_line(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    kept = sorted(values_of(project, "influence/gold").values())[30:]
    (spec,) = charts(app)
    assert lines(spec) == [kept[0]]
    assert [note["text"] for note in spec["layout"]["annotations"]] == [
        f"<b>≥ {number(kept[0], signed=True)}</b>"
    ]
    app.selectbox(key="recipe").set_value("mid-ppl").run()
    (spec,) = charts(app)
    middle = sorted(values_of(project, "perplexity").values())[15:45]
    low, high = spec["layout"]["xaxis"]["range"]
    assert lines(spec) == [max(middle[0], low), min(middle[-1], high)]
    app.selectbox(key="recipe").set_value("influence-combined").run()
    specs = charts(app)
    assert [spec["layout"]["xaxis"]["title"]["text"] for spec in specs] == [
        "influence/correct",
        "influence/incorrect",
    ]
    assert [len(lines(spec)) for spec in specs] == [1, 1]
    assert "no objection" in words(app)
    app.selectbox(key="recipe").set_value("random").run()
    assert charts(app) == []
    assert "no line to draw" in words(app)


def test_the_bars_are_what_is_kept_and_what_is_left_out(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    app.slider(key="keep_share").set_value(20.0).run()
    kept, left_out = charts(app)[0]["data"]
    assert (kept["name"], left_out["name"]) == ("kept", "left out")
    counts = [
        np.frombuffer(_decoded(part["y"]), np.dtype(part["y"]["dtype"])).sum() for part in (kept, left_out)
    ]
    assert counts == [12, 48]


def _decoded(array: dict[str, str]) -> bytes:
    return base64.b64decode(array["bdata"])


@pytest.mark.parametrize("recipe", ["top", "bottom"])
def test_the_threshold_s_slider_stands_over_the_histogram_as_its_handle(
    open_app: Open, project: Project, recipe: str
) -> None:
    app = open_app(project.root, "select")
    app.slider(key="keep_share").set_value(20.0).run()
    app.selectbox(key="recipe").set_value(recipe).run()
    app.button_group(key="keep_by").set_value("Threshold").run()
    slider = app.slider(key="threshold")
    assert [slider.min, slider.max] == pytest.approx(charts(app)[0]["layout"]["xaxis"]["range"])
    assert (
        10 <= int(figures(app)["Kept"]) <= 14
    )  # It starts where the share drew its line, on the nearest step.
    slider.set_value((slider.min + slider.max) / 2).run()
    threshold = app.slider(key="threshold").value
    assert lines(charts(app)[0]) == [threshold]
    values = np.array(list(values_of(project, "influence/gold").values()))
    kept = values <= threshold if recipe == "bottom" else values >= threshold
    assert figures(app)["Kept"] == str(kept.sum())


def test_each_score_has_a_threshold_of_its_own_and_keeps_it(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    app.selectbox(key="recipe").set_value("top").run()
    app.button_group(key="keep_by").set_value("Threshold").run()
    app.slider(key="threshold").set_value(1.0).run()
    app.selectbox(key="recipe_score").set_value("rsr").run()
    other = app.slider(key=key_now(app, "threshold")).value
    assert 1 <= other <= 9
    app.selectbox(key="recipe_score").set_value("influence/gold").run()
    held = app.slider(key=key_now(app, "threshold")).value
    assert held == pytest.approx(1.0, abs=0.01)
    app.switch_page("pages/overview.py").run()
    app.switch_page("pages/select.py").run()
    assert app.slider(key=key_now(app, "threshold")).value == held


def test_conflicts_with_decisions_are_counted_in_words_and_shown(open_app: Open, project: Project) -> None:
    by_value = values_of(project, "influence/gold")
    order = sorted(by_value, key=by_value.__getitem__)
    decide(project, [*order[:3], order[-1]], "keep")
    decide(project, [*order[-4:-2], order[4]], "veto")
    app = open_app(project.root, "select")
    assert app.button(key="conflict_keeps").label == "3 keeps are below the line"
    assert app.button(key="conflict_vetoes").label == "2 vetoes are above it"
    assert shown_in_browse(app, "conflict_keeps") == set(order[:3])
    app = open_app(project.root, "select")
    assert shown_in_browse(app, "conflict_vetoes") == set(order[-4:-2])


def test_conflicts_are_said_for_every_recipe(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    assert "No decision goes against the recipe" in words(app)
    by_value = values_of(project, "rsr")
    order = sorted(by_value, key=by_value.__getitem__)
    (unscored,) = set(values_of(project, "nll")) - set(order)
    decide(project, [order[0], unscored], "keep")
    decide(project, [order[-1]], "veto")
    app.selectbox(key="recipe").set_value("top").run()
    app.selectbox(key="recipe_score").set_value("rsr").run()
    assert app.button(key="conflict_keeps").label == "2 keeps are below the line or not scored"
    assert app.button(key="conflict_vetoes").label == "1 veto is above it"
    app.selectbox(key="recipe").set_value("bottom").run()
    app.selectbox(key="recipe_score").set_value("rsr").run()
    assert app.button(key="conflict_keeps").label == "1 keep is above the line or not scored"
    decide(project, sorted(values_of(project, "tokens")), "veto")
    for name, side in (
        ("mid-ppl", "inside the band"),
        ("random", "kept by the recipe"),
        ("top-ppl", "above the line"),
    ):
        app.selectbox(key="recipe").set_value(name).run()
        assert app.button(key="conflict_vetoes").label == f"30 vetoes are {side}"


def test_what_other_scores_call_flawed_is_counted_and_shown(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "select")
    chosen = select(open_catalogue(project), Recipe("influence", group="gold"))
    kept, every = set(chosen.selected_ids), set(chosen.trace_ids)
    judging = {
        "influence/correct": False,
        "influence/incorrect": True,
        "perplexity": True,
        "rsr": True,
    }
    flawed = set()
    for name, highest in judging.items():
        by_value = values_of(project, name)
        order = sorted(by_value, key=by_value.__getitem__, reverse=highest)
        share = len(order) // 20
        worst, best = set(order[:share]), set(order[-share:])
        flawed |= worst & kept
        for what, found, end in (("flawed", worst & kept, worst), ("missed", best & (every - kept), best)):
            button = app.button(key=f"{what}_{name}")
            assert button.label == f"{len(found)} of {len(end)}"
            assert button.disabled == (not found)
            if found:
                assert shown_in_browse(open_app(project.root, "select"), f"{what}_{name}") == found
    assert not [one.key for one in app.button if "gold" in str(one.key) or "nll" in str(one.key)]
    assert app.button(key="flawed").label == f"{len(flawed)} of 30 kept are flawed by one or more"
    assert shown_in_browse(app, "flawed") == flawed


def test_what_a_move_changes_stands_beside_what_is_saved(open_app: Open, project: Project) -> None:
    save_selection(project, "half", Recipe("influence", keep=0.5, group="gold"))
    app = open_app(project.root, "select")
    assert "**Against half** nothing changes" in words(app)
    assert "By the last move" not in words(app)
    app.slider(key="keep_share").set_value(60.0).run()
    app.slider(key="keep_share").set_value(55.0).run()
    catalogue = open_catalogue(project)
    half, more, now = (
        set(select(catalogue, Recipe("influence", keep=keep, group="gold")).selected_ids)
        for keep in (0.5, 0.6, 0.55)
    )
    tokens = values_of(project, "tokens")
    entering, leaving = sum(tokens[one] for one in now - half), sum(tokens[one] for one in more - now)
    said = words(app)
    assert f"**Against half** +3 traces, +{entering:.0f} tokens: 3 would enter, 0 would leave" in said
    assert f"**By the last move** −3 traces, −{leaving:.0f} tokens: 0 entered, 3 left" in said
    assert f"**3 traces** left, −{leaving:.0f} tokens" in said
    assert [{trace["id"] for trace in one["traces"]} for one in lists(app)] == [now - half, more - now]
    app.button(key="save").click().run()  # Whatever else reruns the page is no move.
    assert "**By the last move** −3 traces" in words(app)
    assert shown_in_browse(app, "browse_move_left") == more - now
    app.switch_page("pages/select.py").run()
    assert shown_in_browse(app, "browse_saved_entered") == now - half


def test_long_lists_show_the_first_by_the_recipe_and_say_how_many_more(
    open_app: Open, project: Project
) -> None:
    save_selection(project, "few", Recipe("influence", keep=0.1, group="gold"))
    app = open_app(project.root, "select")
    order = sorted(values_of(project, "influence/gold").items(), key=lambda one: -one[1])
    assert [trace["id"] for trace in lists(app)[0]["traces"]] == [one for one, _ in order[6:12]]
    assert "and 18 more" in words(app)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_groups_are_shown_as_they_are(open_app: Open, project: Project, name: str) -> None:
    score = f"influence/{name}"
    ids = list(values_of(project, "tokens"))
    with publishing(project.root / "runs", RUN, "20300101-000000-later") as connection:
        connection.execute("INSERT INTO run (run_id, model) VALUES ('20300101-000000-later', 'tiny')")
        for number, one in enumerate((score, "perplexity")):
            drawn = np.random.default_rng(number).normal(size=len(ids))
            table = {
                "trace_id": ids,
                "name": [one] * len(ids),
                "value": drawn,
                "standard_error": pa.nulls(len(ids), pa.float64()),
            }
            load(connection, "scores", pa.table(table))
    app = open_app(project.root, "select")
    app.session_state["chosen_run"] = "20300101-000000-later"
    app.selectbox(key="recipe").set_value("top").run()
    app.selectbox(key="recipe_score").set_value(score).run()
    app.button_group(key="keep_by").set_value("Threshold").run()
    assert not app.error
    assert not app.exception
    assert app.slider(key="threshold").label == f"Keep {escape(score)} of at least"
    assert any(f"The recipe keeps {escape(score)} from" in one.value for one in app.caption)
    app.selectbox(key="recipe_score").set_value("perplexity").run()
    assert any(one.value.startswith(f"{escape(score)} :small") for one in app.markdown)
    assert app.button(key=f"flawed_{score}").label.endswith("of 3")
