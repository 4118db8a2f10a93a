"""Trust: can I believe these scores? Each finding with a sentence of plain words and a verdict."""

import streamlit as st

from curation.ui.cached import trust_of
from curation.ui.findings import VERDICT_MARKS, evidence, headline
from curation.ui.session import current_session
from curation.validation.finding import overall

SUMMARY = {
    "believe": "Nothing here speaks against these scores.",
    "be careful": "Use these scores with care: what is uncertain or unknown is marked below.",
    "do not use": "Do not select by these scores before what is marked below is mended.",
}

session = current_session()
st.title("Trust", anchor=False)
st.caption("Can I believe this run's influence? Verdicts are of its first group of queries.")
if session.run is None:
    st.info("There is no run to judge yet; the Runs page starts one.")
    st.stop()
findings = trust_of(session)
if not findings:
    st.info(
        "This run has no influence to judge: add queries with `curation queries PROJECT FILE --group gold`, and score again."
    )
    st.stop()
verdict = overall(findings)
st.markdown(f"### {VERDICT_MARKS[verdict]} {SUMMARY[verdict]}")
for finding in findings:
    with st.container(border=True):
        headline(finding)
        evidence(finding)
