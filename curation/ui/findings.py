"""A finding about a run's scores on the page: its question, its verdict, its words, its evidence."""

import streamlit as st

from curation.ui.markup import cell, sentence
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
    if not finding.rows:
        return
    lines = [
        f"| {' | '.join(cell(title) for title in finding.columns)} |",
        f"|:--|{'--:|' * (len(finding.columns) - 1)}",
        *(f"| {' | '.join(cell(one) for one in row)} |" for row in finding.rows),
    ]
    st.markdown("\n".join(lines))
