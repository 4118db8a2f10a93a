"""Audit: is the pool of one form, and are the scores more than what a trace looks like?"""

import streamlit as st

from curation.ui.audit import format_flaws, score_drivers, unlearned
from curation.ui.session import current_session

session = current_session()
st.title("Audit", anchor=False)
st.caption(
    "Is the pool of one form, and is a score more than what a trace looks like? No model is trained for this."
)
if not session.counts.traces:
    st.info("There is nothing to look at yet; add traces with `curation ingest PROJECT SOURCE`.")
    st.stop()
format_flaws(session)
score_drivers(session)
unlearned(session)
