"""A finding about a run's scores on the page: its question, its verdict, its words, its evidence."""

import streamlit as st

from curation.ui.markup import sentence, table
from curation.validation.finding import Finding

# A mark and a word each, so that colour is never alone.
VERDICT_MARKS = {
    "believe": ":blue[✓ Believe]",
    "be careful": ":orange[▲ Be careful]",
    "do not use": ":orange[✕ Do not use]",
    "not known": ":gray[? Not known]",
}


def headline(finding: Finding) -> None:
    """The question with its verdict, and the answer in words."""
    st.markdown(f"**{finding.question}** \u2002 {VERDICT_MARKS[finding.verdict]}")
    st.markdown(sentence(finding.words))


def evidence(finding: Finding) -> None:
    """What the verdict rests on, as a table."""
    if finding.rows:
        st.markdown(table(finding.columns, finding.rows))
