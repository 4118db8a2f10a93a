"""Concepts: which traces make the model more like this?"""

import streamlit as st

from curation.ui.concept_view import agreeing, known, raising_and_lowering, short
from curation.ui.kept_concepts import concepts_of, scores_of
from curation.ui.markup import escape
from curation.ui.session import current_session

session = current_session()
st.title("Concepts", anchor=False)
st.caption("Which traces make the model more like this? A concept is a direction inside the model.")
abouts, problem = concepts_of(session)
if problem:
    st.warning(escape(problem))
scored = {one.name: one for one in scores_of(session)}
names = sorted({*abouts, *scored})
if not names:
    st.info(
        "There is no concept yet: `curation concept PROJECT --name NAME --model M --positive FILE --negative FILE` makes "
        "one from two sets of texts, and `curation score PROJECT --model M --scores all,concept,concept-vector` scores it."
    )
    st.stop()
name = st.selectbox("Concept", names, key="concept", persist_state="session", width=320)
known(abouts.get(name))
if name not in scored:
    st.info(
        "This run has no score of it: `curation score PROJECT --model M --scores all,concept,concept-vector` makes one."
    )
    st.stop()
chosen = st.segmented_control(
    "By",
    list(scored[name].scores),
    default=scored[name].scores[0],
    required=True,
    key=f"concept_score_{name}",
    persist_state="session",
    format_func=short,
)
raising_and_lowering(session, chosen or scored[name].scores[0])
agreeing(scored[name])
