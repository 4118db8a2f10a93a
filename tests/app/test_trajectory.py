"""A run along a training in the app: its scores are there like any other's, early and late in the reader."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.models.train import TrainSettings
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.trajectory import trajectory
from curation.store.ingest import ingest
from curation.store.project import Project, create_project
from curation.store.queries import add_queries
from tests.app.looking import words
from tests.scoring.conftest import TRACES, WORDS, queries
from tests.tiny import save_tiny


@pytest.fixture(scope="module")
def along(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("along")
    project = create_project(folder / "project")
    rows = [{"prompt": one.prompt, "response": one.response} for one in TRACES]
    (folder / "pool.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ingest(project, str(folder / "pool.jsonl"))
    asked = [{"prompt": one.prompt, "completion": one.completion} for one in queries()]
    (folder / "gold.jsonl").write_text("\n".join(map(json.dumps, asked)))
    add_queries(project, str(folder / "gold.jsonl"), group="gold")
    model = save_tiny(folder / "model", "llama", WORDS)
    trajectory(
        project,
        TrajectoryRequest(str(model), TrainSettings(epochs=2, batch_size=8, at_once=8), device="cpu"),
    )
    return project


@pytest.mark.parametrize("page", [one.stem for one in sorted(Path("pages").glob("*.py"))])
def test_no_page_stumbles_over_a_run_without_influence(
    along: Project, open_app: Callable[..., AppTest], page: str
) -> None:
    app = open_app(along.root, page)
    assert not app.exception
    assert "failed (" not in words(app)


def test_the_reader_shows_what_a_trace_did_early_and_late(
    along: Project, open_app: Callable[..., AppTest]
) -> None:
    app = open_app(along.root, "browse")
    said = words(app)
    for name in (
        "metagradient",
        "metagradient-early",
        "trajectory",
        "trajectory-early",
        "trajectory-late",
        "tracin",
    ):
        assert f"{name}/gold" in said
