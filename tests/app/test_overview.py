"""Overview under AppTest."""

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from curation.store.project import Project, create_project
from tests.app.looking import lists, words
from tests.app.project import HOSTILE

Open = Callable[..., AppTest]


def test_it_counts_ranks_and_suggests(open_app: Open, project: Project) -> None:
    app = open_app(project.root)
    figures = {metric.label: metric.value for metric in app.metric}
    assert (figures["Traces"], figures["Rejected rows"], figures["Duplicates"]) == ("60", "1", "1")
    assert "Read the lowest-ranked traces" in words(app)
    helpful, harmful = lists(app)
    assert [len(found["traces"]) for found in (helpful, harmful)] == [10, 10]
    assert helpful["traces"][0]["scores"][0]["label"].startswith("+")
    assert harmful["traces"][0]["scores"][0]["label"].startswith("−")
    assert "gold 0.93" in words(app)


def test_rejected_rows_are_shown_raw_with_their_reason(open_app: Open, project: Project) -> None:
    app = open_app(project.root)
    assert HOSTILE[0] in [code.value for code in app.code]
    assert "The line is no JSON" in words(app)


def test_the_next_step_is_one_click_away(open_app: Open, project: Project) -> None:
    app = open_app(project.root)
    harmful = lists(app)[1]["traces"][0]["id"]
    app.button(key="next_step").click().run()
    assert lists(app)[0]["chosen"] == harmful


def test_the_way_to_all_of_an_end_leads_to_browse(open_app: Open, project: Project) -> None:
    app = open_app(project.root)
    harmful = lists(app)[1]["traces"][0]["id"]
    app.button(key="all_False").click().run()
    assert lists(app)[0]["traces"][0]["id"] == harmful
    assert app.selectbox(key="browse_order").value is False


def test_an_empty_project_names_the_command_that_fills_it(open_app: Open, tmp_path: Path) -> None:
    root = create_project(tmp_path / "empty").root
    assert "curation ingest" in words(open_app(root))
    for page in ("browse", "select", "runs"):
        assert "curation ingest" in words(open_app(root, page))
    assert "the Runs page" in words(open_app(root, "map"))
    assert "the Select page" in words(open_app(root, "export"))


def test_a_missing_project_is_a_sentence_with_the_way_out(open_app: Open, tmp_path: Path) -> None:
    app = open_app(tmp_path / "nowhere")
    assert "curation init" in words(app)
    assert not app.exception


def test_a_damaged_run_is_named_and_the_rest_works(open_app: Open, project: Project) -> None:
    (run,) = project.runs
    run.write_bytes(b"no database")
    app = open_app(project.root)
    assert f"runs/{run.name} cannot be read" in words(app)
    assert len(lists(open_app(project.root, "browse"))[0]["traces"]) == 60


def test_a_damaged_setting_is_a_sentence(open_app: Open, project: Project) -> None:
    (project.root / "project.toml").write_text("name = ")
    app = open_app(project.root)
    assert "project.toml cannot be read" in words(app)
    assert not app.exception
