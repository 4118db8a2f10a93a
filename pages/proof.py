"""Proof: does training on the choice make a better model? What `curation validate` and `curation lds` found."""

import streamlit as st

from curation.demo.proved import proved
from curation.ui.cached import planted_of
from curation.ui.jobs import command_line
from curation.ui.proof import answers, comparison, lds_table, trials_table
from curation.ui.proof_cached import comparisons_of
from curation.ui.proved import proved_table
from curation.ui.session import current_session

GIVEN = ["--model", "MODEL", "--recipes", "influence-consensus,mid-ppl", "--keep", "0.8,0.5", "--seeds", "3"]

session = current_session()
st.title("Proof", anchor=False)
st.caption(
    "Does training on the choice make a better model? Models trained on what recipes keep, and on random choices."
)
compared = comparisons_of(session)
if not compared:
    st.info(
        "Nothing was trained to compare yet. This trains on what each recipe keeps and on a random choice, where MODEL is a model "
        "folder or a hub id, and compares the models on held-out problems:"
    )
    st.code(command_line("validate", session.project, GIVEN), language=None, wrap_lines=True)
for shares in compared:
    with st.container(border=True):
        comparison(shares)
        with st.expander("Each training, and its answers"):
            trials_table(shares)
            answers(shares)
if planted_of(session) is not None:
    with st.container(border=True):
        st.subheader("The demo's own proof", anchor=False)
        proved_table(proved())
lds_table(session)
