"""The answers that models gave to problems, read once as long as their files do not change."""

from pathlib import Path

import streamlit as st

from curation.errors import ProjectError
from curation.store.kept_answers import Answer, answer_files, read_answers
from curation.ui.session import Session

By_problem = dict[str, list[Answer]]


def answers_of(session: Session) -> tuple[dict[str, By_problem], list[str]]:
    """File -> problem -> its answers, in the files' order; and a sentence for each file that cannot be read."""
    found: dict[str, By_problem] = {}
    problems: list[str] = []
    for path in answer_files(session.project):
        try:
            changed = path.stat().st_mtime_ns, path.stat().st_size
            if answers := _read(str(path), changed):
                found[path.stem] = answers
        except (ProjectError, OSError) as error:
            problems.append(str(error))
    return found, problems


@st.cache_resource(max_entries=32, show_spinner="Reading the answers")
def _read(path: str, changed: tuple[int, int]) -> By_problem:
    answers: By_problem = {}
    for one in read_answers(Path(path)):
        answers.setdefault(one.problem_id, []).append(one)
    return answers
