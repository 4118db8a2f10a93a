"""The page that takes the worst steps of many traces out of the loss: what it counts is what it vetoes."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.selection.step_recipes import StepRecipe, choose_steps
from curation.store.catalogue import open_catalogue
from curation.store.database import connect
from curation.store.decisions import decide
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.app.project import HOSTILE, RUN_ID

Open = Callable[..., AppTest]
GOLD = "influence/gold"


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def asked(project: Project, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    catalogue = open_catalogue(project)
    try:
        return catalogue.rows(sql, parameters)
    finally:
        catalogue.close()


def vetoed(project: Project) -> set[tuple[Any, ...]]:
    return set(asked(project, "SELECT trace_id, start, stop FROM step_vetoes"))


def change_run(project: Project, sql: str) -> None:
    connection = connect(project.root / "runs" / f"{RUN_ID}.duckdb")
    connection.execute(sql)
    connection.close()


@pytest.mark.parametrize("share", [2.0, 10.0, 55.5])
def test_what_the_preview_counts_is_vetoed_as_one_decision_and_undone(
    open_app: Open, project: Project, share: float
) -> None:
    decide(project, [asked(project, "SELECT min(trace_id) FROM traces")[0][0]], "veto")
    app = open_app(project.root, "steps")
    app.slider(key="steps_share_influence").set_value(share).run()
    shown = figures(app)
    button = app.button(key="steps_veto")
    assert button.label == f"Veto {shown['Steps to veto']} steps of {shown['In traces']} traces"
    app.text_input(key="steps_reason").set_value("nonsense").run()
    app.button(key="steps_veto").click().run()
    assert not app.exception
    found = vetoed(project)
    assert (len(found), len({one[0] for one in found})) == (
        int(shown["Steps to veto"]),
        int(shown["In traces"]),
    )
    assert asked(
        project,
        "SELECT count(DISTINCT batch), min(reason), max(reason) FROM decisions WHERE start IS NOT NULL",
    ) == [(1, "nonsense", "nonsense")]
    assert f"Vetoed {shown['Steps to veto']} steps of {shown['In traces']} traces." in words(app)
    # The lowest of the traces that nobody vetoed, and no more tokens than asked for.
    values = asked(
        project,
        f"""SELECT value, (trace_id, start, stop) IN (SELECT (trace_id, start, stop) FROM step_vetoes) FROM steps
            WHERE name = '{GOLD}' AND trace_id NOT IN (SELECT trace_id FROM verdicts WHERE verdict = 'veto')""",
    )
    assert max(value for value, gone in values if gone) < min(value for value, gone in values if not gone)
    assert figures(app)["Vetoed already"] == shown["Steps to veto"]
    assert figures(app)["Steps to veto"] == "0"
    assert app.button(key="steps_veto").disabled
    assert "decided on already" in words(app)
    app.switch_page("pages/browse.py").run()
    app.button(key="undo").click().run()
    assert vetoed(project) == set()
    app.switch_page("pages/steps.py").run()
    assert figures(app)["Steps to veto"] == shown["Steps to veto"]


def test_the_same_as_the_command(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "steps")
    app.selectbox(key="steps_score").set_value("influence/incorrect").run()
    app.button(key="steps_veto").click().run()
    found = vetoed(project)
    app.switch_page("pages/browse.py").run()
    app.button(key="undo").click().run()
    catalogue = open_catalogue(project)
    every = [one for (one,) in catalogue.rows("SELECT trace_id FROM traces")]
    assert found == set(choose_steps(catalogue, StepRecipe("influence", group="incorrect"), every).steps)
    assert found
    assert asked(project, "SELECT DISTINCT reason FROM decisions WHERE undoes IS NULL") == [
        ("influence recipe",)
    ]


def test_only_the_steps_of_a_selection(open_app: Open, project: Project) -> None:
    save_selection(project, "few", Recipe("influence", keep=0.2, group="gold"))
    app = open_app(project.root, "steps")
    app.selectbox(key="steps_of").set_value("selected").run()
    app.slider(key="steps_share_influence").set_value(100.0).run()
    app.button(key="steps_veto").click().run()
    best = asked(
        project, f"SELECT trace_id FROM scores WHERE name = '{GOLD}' ORDER BY value DESC, trace_id LIMIT 12"
    )
    assert {one[0] for one in vetoed(project)} == {one for (one,) in best}
    assert "12 traces would have no step left" not in words(app)


def test_it_says_which_traces_would_have_nothing_left(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "steps")
    app.slider(key="steps_share_influence").set_value(100.0).run()
    assert "60 traces would have no step left to learn from" in words(app)


def test_a_step_that_somebody_let_back_in_stays(open_app: Open, project: Project) -> None:
    ((trace_id, start, stop),) = asked(
        project, f"SELECT trace_id, start, stop FROM steps WHERE name = '{GOLD}' ORDER BY value LIMIT 1"
    )
    decide(project, [trace_id], "undecided", step=(start, stop))
    app = open_app(project.root, "steps")
    app.button(key="steps_veto").click().run()
    assert (trace_id, start, stop) not in vetoed(project)
    assert vetoed(project)


def test_the_worst_are_shown_with_their_text_and_all_of_them_are_listed_in_browse(
    open_app: Open, project: Project
) -> None:
    app = open_app(project.root, "steps")
    app.selectbox(key="steps_score").set_value("influence/correct").run()
    (shown,) = lists(app)
    lowest = asked(
        project,
        """SELECT trace_id, substr(response, start + 1, stop - start) FROM steps JOIN traces USING (trace_id)
           WHERE name = 'influence/correct' ORDER BY value LIMIT 12""",
    )
    assert shown["text_title"] == "Step, problem"
    assert [one["id"] for one in shown["traces"]] == [trace_id for trace_id, _ in lowest]
    assert [one["prompt"] for one in shown["traces"]] == [" ".join(step.split()) or "—" for _, step in lowest]
    assert all(one["scores"][0]["share"] < 0 for one in shown["traces"])
    counted = int(figures(app)["In traces"])
    app.button(key="steps_browse").click().run()
    assert len(app.session_state["view"].among) == counted


def test_texts_of_traces_are_data(open_app: Open, project: Project) -> None:
    ids = asked(project, "SELECT trace_id FROM traces WHERE response = ?", [HOSTILE[0]])
    change_run(project, f"UPDATE steps SET value = value - 1000 WHERE trace_id = '{ids[0][0]}'")
    app = open_app(project.root, "steps")
    (shown,) = lists(app)
    assert shown["traces"][0]["prompt"] == HOSTILE[0]
    assert shown["traces"][0]["response"] == f"{HOSTILE[0]} prompt"
    assert "window.hacked" not in words(app)
    assert "splits all" not in words(app)


def test_where_only_some_traces_are_split_it_says_how_to_split_all(open_app: Open, project: Project) -> None:
    keep = asked(project, "SELECT DISTINCT trace_id FROM steps ORDER BY 1 LIMIT 7")
    names = ", ".join(f"'{one}'" for (one,) in keep)
    change_run(project, f"DELETE FROM steps WHERE name = '{GOLD}' AND trace_id NOT IN ({names})")
    app = open_app(project.root, "steps")
    said = words(app)
    assert f"7 of 60 traces have {GOLD} by step, those at the ends of the ranking" in said
    assert f"`curation score {project.root} --model models/tiny --steps all` splits all." in said


def test_a_run_without_steps_says_so_and_so_does_a_project_without_runs(
    open_app: Open, project: Project
) -> None:
    change_run(project, "DELETE FROM steps")
    app = open_app(project.root, "steps")
    assert not app.metric
    assert "no influence, grace or segments by step" in words(app)
    assert f"curation score {project.root} --model models/tiny --steps all" in words(app)
    for path in [*project.runs, *project.maps]:
        path.unlink()
    assert "the Runs page starts a run" in words(open_app(project.root, "steps"))
