"""What a link asks for on every page: a run and a selection."""

import streamlit as st

from curation.selection.saved import list_selections
from curation.ui.address import asked, show
from curation.ui.markup import escape
from curation.ui.session import Session, choose_run, choose_selection, current_session
from curation.ui.sidebar import run_label


def follow_link(session: Session) -> Session:
    """Choose the run and the selection that the address names, and let it name those that are shown.

    Returns:
        The session of what is chosen now.
    """
    run_id, selection = asked("run"), asked("selection")
    if run_id in {run.run_id for run in session.runs}:
        choose_run(run_id)
    if selection in list_selections(session.project):
        choose_selection(selection)
    if run_id or selection:
        session = current_session()
    if missing := _missing(session, run_id, selection):
        st.info(" ".join(missing))
    show(run=session.run_id or "", selection=session.selection_name)
    return session


def _missing(session: Session, run_id: str, selection: str) -> list[str]:
    """What a link asked for that is not here, and what is shown instead, in sentences."""
    said = []
    if run_id and session.run_id != run_id:
        instead = f"{escape(run_label(session.run))} is shown" if session.run else "none has been made yet"
        said.append(f"There is no run {_quoted(run_id)} here; {instead}.")
    if selection and session.selection_name != selection:
        name = session.selection_name
        instead = f"{_quoted(name)} is shown" if name else "none is saved yet"
        said.append(f"There is no selection {_quoted(selection)} here; {instead}.")
    return said


def _quoted(name: str) -> str:
    return f"“{escape(name[:80])}”"
