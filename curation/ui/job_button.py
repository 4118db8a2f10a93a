"""A button that starts a job of the command line, and what the page shows while it runs or when it failed."""

import streamlit as st

from curation.store.project import Project
from curation.ui import jobs


def job_button(project: Project, label: str, kind: str, *arguments: str) -> None:
    """Offer to start `curation KIND PROJECT ARGUMENTS`; while any job runs, show its progress and wait for it.

    Args:
        project: The project.
        label: On the button.
        kind: The command.
        arguments: Of the command.
    """
    job = jobs.job_of(project)
    if job and job.running:
        _wait(project)
        return
    st.button(label, key=f"start_{kind}", type="primary", on_click=_start, args=(project, kind, *arguments))
    if job and job.kind == kind and job.process.returncode:
        st.error("It could not be done; the log says why.")
        st.code(job.tail(), language=None)


def _start(project: Project, kind: str, *arguments: str) -> None:
    jobs.start(project, kind, *arguments)


@st.fragment(run_every=1.0)
def _wait(project: Project) -> None:
    job = jobs.job_of(project)
    if job is None or not job.running:
        st.rerun()
    st.info(f"Working ({job.kind}); this page goes on by itself when it is done.")
    st.code(job.tail(8), language=None)
