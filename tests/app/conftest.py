"""A small finished project for every test, and the app on it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from curation.store.project import Project, open_project
from tests.app.project import build_project

APP = Path(__file__).parents[2] / "app.py"


def run_main_script(path: str) -> None:
    exec(compile(Path(path).read_text(), path, "exec"), {"__name__": "__main__", "__file__": path})


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_project(tmp_path_factory.mktemp("built") / "project").root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Project:
    return open_project(Path(shutil.copytree(built, tmp_path / "project")))


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open the app on a project folder at one of its pages, in a fresh session."""

    # A server learns from the first st.navigation that pages/ is not to be run without app.py; AppTest forgets
    # it before each run.
    monkeypatch.setattr("streamlit.runtime.scriptrunner.script_runner._mpa_v1", run_main_script)

    def open_at(root: Path, page: str = "overview", **query: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["app.py", str(root)])
        st.cache_resource.clear()
        app = AppTest.from_file(str(APP), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run() if page == "overview" else app.switch_page(f"pages/{page}.py").run()

    return open_at
