"""What the Audit page asks for again and again, read once."""

import streamlit as st

from curation.errors import SelectionError
from curation.selection import templates
from curation.ui.cached import Key, by_trace
from curation.ui.session import Session
from curation.validation.finding import Finding
from curation.validation.unlearned import Unlearned, kept_unlearned


def templates_of(session: Session) -> templates.Templates:
    """The templates of all traces."""
    return templates.templates_of(session.catalogue)


def audit_of(session: Session, human: str | None) -> list[Finding]:
    """What is known of the format."""
    return _audit(session.key, session.run_id, human, session)


def drivers_of(session: Session, name: str) -> Finding:
    """What drives a score of the chosen run."""
    return _drivers(session.key, session.run_id or "", name, session)


def unlearned_of(session: Session) -> list[Unlearned]:
    """What was unlearned in this project, newest first."""
    return kept_unlearned(session.project)


@st.cache_resource(max_entries=8, show_spinner="Looking at the format of all traces")
def _audit(key: Key, run_id: str | None, human: str | None, _session: Session) -> list[Finding]:
    from curation.validation.audit import audit  # It loads scikit-learn.

    return audit(_session.catalogue, run_id, human=human)


@st.cache_resource(max_entries=64, show_spinner="Comparing traces that are alike")
def _drivers(key: Key, run_id: str, name: str, _session: Session) -> Finding:
    from curation.selection.drivers import drivers
    from curation.selection.features import features_of
    from curation.validation.driver_finding import driver_finding

    try:
        return driver_finding(
            drivers(name, by_trace(_session, name), features_of(_session.catalogue, run_id))
        )
    except SelectionError as error:
        return Finding(f"Is {name} a feature of the text in disguise?", "not known", str(error))
