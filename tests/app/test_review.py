"""Review under AppTest: what is served, in which order, and how a decision moves on."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project
from tests.app.looking import words

Open = Callable[..., AppTest]


def shown(app: AppTest) -> str:
    return str(app.session_state["trace"])


def bar(app: AppTest) -> str:
    return str(app.get("progress")[0].proto.text)


def test_the_queue_begins_at_the_recipe_s_line_and_moves_on_with_each_decision(
    open_app: Open, project: Project
) -> None:
    save_selection(project, "half", Recipe("influence:gold", keep=0.5))
    catalogue = open_catalogue(project)
    selection = select(catalogue, Recipe("influence:gold", keep=0.5))
    values, kept = selection.pool.scores["influence/gold"], selection.choice.kept
    ends = {float(values[kept].min()), float(values[~kept].max())}
    at_the_line = {one for one, value in zip(selection.trace_ids, values, strict=True) if value in ends}
    app = open_app(project.root, "review")
    assert not app.error
    assert app.session_state["queue_order"] == "boundary"
    first = shown(app)
    assert first in at_the_line
    assert bar(app).startswith("0 of 50 decided; this is number 1")
    app.button(key="veto").click().run()
    assert shown(app) != first
    assert bar(app).startswith("1 of 50 decided; this is number 2")
    assert f"| vetoed | {first[:8]} |" in words(app)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT trace_id, verdict FROM verdicts") == [(first, "veto")]
    app.button(key="undo").click().run()
    assert shown(app) == first
    assert bar(app).startswith("0 of 50 decided")
    app.button(key="redo").click().run()
    assert bar(app).startswith("1 of 50 decided")
    app.button(key="redo").click().run()
    assert "has taken nothing back" in words(app)


def test_only_undecided_traces_are_served_until_none_is_left(open_app: Open, project: Project) -> None:
    ids = [one for (one,) in open_catalogue(project).rows("SELECT trace_id FROM traces ORDER BY trace_id")]
    decide(project, ids[2:], "keep")
    app = open_app(project.root, "review")
    served = set(app.session_state["queue"].trace_ids)
    assert served <= set(ids[:2])
    for _ in range(len(served)):
        app.button(key="keep").click().run()
    assert "This queue is done" in words(app)
    app.button(key="new_queue").click().run()
    assert "is decided" in words(app)


def test_each_order_serves(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "review")
    for order in ("clusters", "disagreement"):
        app.session_state["queue_order"] = order
        app.run()
        assert not app.error
        assert app.session_state["queue"].basis[0] == order
        assert len(app.session_state["queue"].trace_ids) == 50
        assert shown(app) in app.session_state["queue"].trace_ids


def test_another_selection_has_another_line(open_app: Open, project: Project) -> None:
    save_selection(project, "half", Recipe("influence:gold", keep=0.5))
    save_selection(project, "tenth", Recipe("influence:gold", keep=0.1))
    app = open_app(project.root, "review")
    first = app.session_state["queue"].trace_ids
    app.selectbox(key="selection_name").set_value("tenth").run()
    assert app.session_state["queue"].trace_ids[:4] != first[:4]
    assert "that of the selection tenth" in words(app)


def test_the_arrows_walk_the_queue(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "review")
    queue = app.session_state["queue"].trace_ids
    app.button(key="next").click().run()
    assert shown(app) == queue[1]
    app.button(key="previous").click().run()
    app.button(key="previous").click().run()
    assert shown(app) == queue[0]
    assert "first trace of the list" in words(app)


def test_without_a_run_the_way_to_one_is_named(open_app: Open, project: Project) -> None:
    for path in [*project.runs, *project.maps]:
        path.unlink()
    app = open_app(project.root, "review")
    assert "needs a selection" in words(app)
