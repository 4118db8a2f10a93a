"""What every page stands on: the project, its open catalogue, the chosen run, selection and reviewer."""

import os
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from curation.errors import ProjectError
from curation.selection.saved import list_selections
from curation.store import columns, overview
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project, open_project
from curation.ui.navigation import require_routing
from curation.ui.reviewer import remembered

# Of DuckDB, which otherwise keeps what it has read until most of the machine's memory is full.
MEMORY = "768MB"
_refreshing = threading.Lock()


@dataclass(frozen=True)
class Session:
    """One rerun's view of the project.

    Attributes:
        project: The project.
        catalogue: Open over everything published, with the newest decisions.
        counts: Traces, rejected rows, verdicts.
        runs: Newest first.
        run: The chosen one; None before the first run.
        score_names: Scores that the chosen run has.
        reviewer: Who decides.
        selection_name: The current saved selection; "" if there is none.
    """

    project: Project
    catalogue: Catalogue
    counts: overview.Counts
    runs: list[overview.Run]
    run: overview.Run | None
    score_names: list[str]
    reviewer: str
    selection_name: str

    @property
    def run_id(self) -> str | None:
        """The chosen run."""
        return self.run.run_id if self.run else None

    @property
    def key(self) -> tuple[str, ...]:
        """Changes when anything is published: a published file never changes, so its name stands for it."""
        return (str(self.project.root.resolve()), *self.catalogue.files)


def session_of(session: Session, run: overview.Run) -> Session:
    """The same session, as if this run had been chosen."""
    return replace(session, run=run, score_names=_score_names(session.key, session.catalogue, run.run_id))


def project_path() -> Path:
    """The project named on the command line (`streamlit run app.py -- PROJECT`) or in CURATION_PROJECT.

    Raises:
        ProjectError: Neither names one.
    """
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CURATION_PROJECT", "")
    if not named:
        raise ProjectError("No project is named; start the app with `curation app PROJECT`.")
    return Path(named)


def current_session() -> Session:
    """The session of this rerun, from what the sidebar's pickers hold.

    Raises:
        ProjectError: The project is absent or damaged.
    """
    require_routing()
    project = open_project(project_path())
    catalogue = _catalogue(str(project.root.resolve()), project.files, project)
    with _refreshing:
        catalogue.refresh()
    key = (str(project.root.resolve()), *catalogue.files)
    runs = _runs(key, catalogue)
    chosen = st.session_state.get("chosen_run")
    run = next((run for run in runs if run.run_id == chosen), overview.main_run(runs))
    names = _score_names(key, catalogue, run.run_id) if run else []
    saved = list_selections(project)
    selection = st.session_state.get("chosen_selection")
    return Session(
        project=project,
        catalogue=catalogue,
        counts=overview.counts(catalogue),
        runs=runs,
        run=run,
        score_names=names,
        reviewer=st.session_state.get("reviewer", remembered()).strip() or default_reviewer(project),
        selection_name=selection if selection in saved else (saved[0] if saved else ""),
    )


def choose_run(run_id: str) -> None:
    """Make a run this tab's."""
    st.session_state["chosen_run"] = run_id


def choose_selection(name: str) -> None:
    """Make a saved selection this tab's."""
    st.session_state["chosen_selection"] = name


def default_reviewer(project: Project) -> str:
    """The name that decisions carry until another is typed in the sidebar: the project's, or else the user's."""
    return project.defaults.reviewer or user_name()


def user_name() -> str:
    """Who runs the app, as far as the machine says."""
    return os.environ.get("USER") or os.environ.get("USERNAME") or "reviewer"


@st.cache_resource(max_entries=4, show_spinner="Opening the project")
def _catalogue(root: str, files: tuple[str, ...], _project: Project) -> Catalogue:
    return open_catalogue(_project, memory=MEMORY)


@st.cache_resource(max_entries=8, show_spinner=False)
def _runs(key: tuple[str, ...], _catalogue: Catalogue) -> list[overview.Run]:
    return overview.runs(_catalogue)


@st.cache_resource(max_entries=16, show_spinner=False)
def _score_names(key: tuple[str, ...], _catalogue: Catalogue, run_id: str) -> list[str]:
    return columns.score_names(_catalogue, run_id)
