"""The reader's line on a trace's final answer, and whether it is the answer that the source names."""

import streamlit as st

from curation.models.final_answer import LAST_LINE, LAST_NUMBER
from curation.models.grade import Verdict, grade
from curation.store import reading
from curation.store.reading import Reading
from curation.ui.format import one_line
from curation.ui.markup import escape
from curation.ui.session import Session

LONGEST = 120
_HELP = (
    "What the response comes to, against the answer of the trace. That is the source's, or where the source names none, "
    "what the response itself marks, which then matches of itself."
)
_UNMARKED = {
    LAST_NUMBER: " :gray[(none is marked; this is the last number)]",
    LAST_LINE: " :gray[(none is marked; this is the last line)]",
}


def final_answer(session: Session, trace: Reading) -> None:
    """Say what the response comes to, where the source names an answer and the response gives one."""
    if not trace.answer.strip():
        return
    end: Reading | None = trace
    if trace.part < trace.parts - 1:
        end = reading.read(session.catalogue, trace.trace_id, trace.parts - 1)
    verdict = _grade(end.response if end else "", trace.answer)
    if not verdict.extracted:
        st.markdown("Final answer: :gray[none is found in the response]", help=_HELP)
        return
    differs = f":orange[**differs** from {_short(trace.answer)}]"
    said = ":blue[**matches**]" if verdict.is_correct else differs
    st.markdown(
        f"Final answer **{_short(verdict.extracted)}**: {said}{_UNMARKED.get(verdict.how, '')}",
        help=_HELP,
    )


def _short(text: str) -> str:
    line = one_line(text)
    return escape(line if len(line) <= LONGEST else f"{line[:LONGEST]}…")


@st.cache_data(max_entries=1_000, show_spinner="Comparing the answers")
def _grade(response: str, answer: str) -> Verdict:
    return grade(response, answer)
