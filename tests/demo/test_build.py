from dataclasses import replace
from pathlib import Path

import pytest

from curation.demo.build import build_demo
from curation.demo.report import planted_report
from curation.errors import ProjectError
from curation.selection.saved import list_selections
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from tests.demo.small import SMALL, TINY


def test_a_finished_demo_holds_everything_that_the_app_shows(demo_project: Project) -> None:
    catalogue = open_catalogue(demo_project)
    counts = [
        catalogue.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("traces", "duplicates", "map")
    ]
    assert counts == [300, 8, 300]
    assert catalogue.rows("SELECT count(*) FROM rejected") == [(0,)]
    groups = dict(catalogue.rows('SELECT "group", count(*) FROM queries GROUP BY ALL'))
    assert groups["gold"] == groups["correct"] + groups["incorrect"] == 40
    assert catalogue.rows(
        "SELECT count(*) FROM scores WHERE name = 'influence/gold' AND value IS NOT NULL"
    ) == [(300,)]
    assert list_selections(demo_project) == ["half-influence", "half-random", "most-influence"]
    assert catalogue.problems == []


def test_influence_finds_the_planted_flaws(demo_project: Project) -> None:
    report = planted_report(open_catalogue(demo_project))
    assert report is not None
    influence = report.rankings[0]
    assert influence.score == "influence-consensus/gold"
    assert influence.overall.found > 2.5 * influence.overall.by_chance
    assert influence.overall.auc is not None
    assert influence.overall.auc > 0.75
    assert influence.rare_auc is not None
    assert influence.rare_auc > 0.85


def test_a_finished_demo_is_opened_and_not_built_again(demo_project: Project) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo_project.root.rglob("*")}
    stages: list[str] = []
    again = build_demo(
        demo_project.root, settings=SMALL, on_progress=lambda stage, share: stages.append(stage)
    )
    assert again == demo_project
    assert stages == []
    assert {path: path.stat().st_mtime_ns for path in demo_project.root.rglob("*")} == before


def scores_of(project: Project) -> list[tuple[object, ...]]:
    return open_catalogue(project).rows("SELECT trace_id, name, value FROM scores ORDER BY ALL")


def test_a_demo_that_was_stopped_again_and_again_ends_like_one_that_was_not(tmp_path: Path) -> None:
    for stage in ("training the model on the pool", "scoring", "drawing the map"):

        def stop(now: str, share: float | None, stage: str = stage) -> None:
            if now == stage:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            build_demo(tmp_path / "stopped", settings=TINY, on_progress=stop)
    stopped = build_demo(tmp_path / "stopped", settings=TINY)
    undisturbed = build_demo(tmp_path / "undisturbed", settings=TINY)
    assert [len(files) for files in (stopped.batches, stopped.runs, stopped.maps)] == [1, 1, 1]
    assert scores_of(stopped) == scores_of(undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped", "undisturbed"]


def test_a_demo_begun_with_other_settings_is_not_mixed_with_these(tmp_path: Path) -> None:
    def stop(now: str, share: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_demo(tmp_path / "begun", settings=TINY, on_progress=stop)
    with pytest.raises(ProjectError, match="another project"):
        build_demo(tmp_path / "begun", settings=replace(TINY, seed=1))


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep me")
    with pytest.raises(ProjectError, match="not empty"):
        build_demo(tmp_path / "mine", settings=SMALL)
    create_project(tmp_path / "project")
    with pytest.raises(ProjectError, match="another project"):
        build_demo(tmp_path / "project", settings=SMALL)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
