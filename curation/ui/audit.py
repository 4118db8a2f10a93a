"""The parts of the Audit page: format findings, templates that lead to Browse, what drives a score, what was unlearned."""

import numpy as np
import streamlit as st

from curation.selection.templates import Templates
from curation.store.facets import SOURCE
from curation.ui.audit_cached import audit_of, drivers_of, templates_of, unlearned_of
from curation.ui.cached import facet_of, frame_of
from curation.ui.findings import evidence, headline
from curation.ui.format import percent, plural
from curation.ui.jobs import command_line
from curation.ui.markup import sentence
from curation.ui.session import Session
from curation.ui.walk import list_in_browse

NOBODY = "No source"
SHOWN = 5


def format_flaws(session: Session) -> None:
    """Each finding about the format; the source that people wrote is asked for where there are several."""
    sources = facet_of(session, SOURCE).values
    human = None
    if len(sources) > 1:
        chosen = st.selectbox(
            "Written by people",
            [NOBODY, *sources],
            key="audit_human",
            persist_state="session",
            width=320,
            help="Other sources are compared with it.",
        )
        human = chosen if chosen in sources else None
    first, *others = audit_of(session, human)
    with st.container(border=True):
        headline(first)
        _templates(session, templates_of(session))
    for finding in others:
        with st.container(border=True):
            headline(finding)
            evidence(finding)


def _templates(session: Session, templates: Templates) -> None:
    """The most frequent templates; each leads to its traces."""
    with st.container(gap=None):
        for place in range(min(SHOWN, len(templates.counts))):
            ids = frame_of(session).ids[np.flatnonzero(templates.codes == place)]
            count, words = st.columns([1, 4], vertical_alignment="center")
            count.button(
                f"{plural(len(ids), 'trace')}, {percent(templates.share(place))}",
                key=f"template_{templates.id(place)}",
                icon=":material/list:",
                type="tertiary",
                on_click=list_in_browse,
                args=(ids, ids[0].decode()),
                help="Shows its traces in Browse, and opens the first of them.",
            )
            words.caption(sentence(f"`{templates.id(place)}` {templates.words(place)}"))
    if (more := len(templates.counts) - SHOWN) > 0:
        st.caption(f"and {plural(more, 'template')} more")


def score_drivers(session: Session) -> None:
    """What one score follows from."""
    st.subheader("What drives a score", anchor=False)
    if not session.score_names:
        st.info("There is no score yet; the Runs page starts a run.")
        return
    name = st.selectbox("Score", session.score_names, key="audit_score", persist_state="session", width=320)
    finding = drivers_of(session, name)
    with st.container(border=True):
        headline(finding)
        evidence(finding)
    st.caption(
        "Alone: the share of the variance of the ranking that a feature explains by itself. Others alike: by how many places of 100 a "
        "trace moves, on average, between traces that are alike in all other features."
    )


def unlearned(session: Session) -> None:
    """What `curation unlearn` found."""
    st.subheader("What forgetting does", anchor=False)
    found = unlearned_of(session)
    for one in found:
        with st.container(border=True):
            headline(one.finding)
            evidence(one.finding)
    if not found:
        st.info(
            "Nothing was unlearned yet. This lets a trained model forget a cluster, and random traces, and compares on held-out problems:"
        )
        given = ["--model", "TUNED", "--cluster", "0", "--problems", "FILE"]
        st.code(command_line("unlearn", session.project, given), language=None, wrap_lines=True)
