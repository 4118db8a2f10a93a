"""Steps: which steps should carry no loss? The worst of many traces, vetoed as one decision."""

import streamlit as st

from curation.ui.kept_steps import pool_of, scores_by_step
from curation.ui.markup import sentence
from curation.ui.session import current_session
from curation.ui.step_form import choose_steps
from curation.ui.step_veto import balance, coverage, numbers, split_all, veto_form, worst_steps

session = current_session()
st.title("Steps", anchor=False)
st.caption(
    "Which steps should carry no loss? A vetoed step stays in its trace; trainings, and exports in a format that can say so, "
    "do not learn it."
)
if not session.run:
    st.info("Steps are ranked by scores, and there are none yet; the Runs page starts a run.")
    st.page_link("pages/runs.py", label="Runs", icon=":material/history:")
    st.stop()
if not scores_by_step(session):
    st.info(
        sentence(
            f"This run has no influence, grace or segments by step; `{split_all(session)}` makes one that has influence by "
            "the steps of all traces, where the project has queries."
        )
    )
    st.stop()
asked = choose_steps(session)
choice = pool_of(session, asked.score, asked.selection).choose(asked.share)
coverage(session, choice)
numbers(choice)
balance(choice)
veto_form(session, asked, choice)
worst_steps(session, choice)
