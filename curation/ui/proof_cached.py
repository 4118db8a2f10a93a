"""What trainings found, read once for as long as no further one is measured."""

from itertools import groupby
from pathlib import Path

import streamlit as st

from curation.store.project import Project
from curation.ui.cached import trainings
from curation.ui.session import Session
from curation.validation.past import KeptAnswer, Past, kept_answers, past_comparisons


def comparisons_of(session: Session) -> list[list[Past]]:
    """The comparisons of the project, newest first; of each its shares, the largest first."""
    return _comparisons(str(session.project.root.resolve()), trainings(session), session.project)


def answers_of(path: Path) -> list[KeptAnswer]:
    """What a trained model answered."""
    return _answers(path, path.stat().st_mtime_ns) if path.exists() else []


@st.cache_resource(max_entries=4, show_spinner="Reading the trainings")
def _comparisons(root: str, trained: tuple[str, ...], _project: Project) -> list[list[Past]]:
    past = past_comparisons(_project)
    order = list(dict.fromkeys(one.comparison for one in past))
    past.sort(key=lambda one: (order.index(one.comparison), -(one.keep or 0.0)))
    return [list(shares) for _, shares in groupby(past, key=lambda one: one.comparison)]


@st.cache_resource(max_entries=8, show_spinner="Reading the answers")
def _answers(path: Path, changed: int) -> list[KeptAnswer]:
    return kept_answers(path)
