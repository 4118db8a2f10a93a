"""The reader: one trace in full, raw beside rendered, its steps coloured, and what is known of it."""

import streamlit as st

from curation.store import reading
from curation.store.reading import Reading, Standing, StepValue
from curation.store.search import found_in
from curation.store.view import View
from curation.traces.steps import split_steps
from curation.ui import around, colour, trace_facts
from curation.ui.cached import column_of
from curation.ui.decide import decision_bar, show_told, veto_step
from curation.ui.final_answer import final_answer
from curation.ui.format import (
    MARKS,
    VERDICT_WORDS,
    place,
    plural,
    short_id,
    whole,
)
from curation.ui.markup import escape, rendered
from curation.ui.mirror import key_of, value_of
from curation.ui.session import Session
from curation.ui.walk import Walk, open_trace
from curation.ui.widgets import step_view

RAW, BESIDE, RENDERED = "Raw", "Side by side", "Rendered"


def reader(session: Session, view: View, trace_id: str, walk: Walk) -> None:
    """Show a trace of the project, or say that there is none of that id."""
    trace = reading.read(session.catalogue, trace_id, value_of("reader_part", 1) - 1)
    if trace is None:
        st.info(f"No trace here has the id {escape(trace_id[:40])}; choose one in the list.")
        show_told()
        return
    found = reading.standings(session.catalogue, session.run_id, trace_id) if session.run_id else {}
    _headline(session, view, trace, found)
    decision_bar(trace.trace_id, trace.verdict, walk)
    show_told()
    highlights = _highlights(session, view, trace)
    st.markdown("**Problem**")
    if trace.system:
        st.caption("System message")
        st.text(trace.system)
    _text(trace.prompt, highlights, key="prompt")
    st.markdown("**Response**")
    _response(session, trace, highlights)
    if trace.answer:
        st.markdown("**Answer**")
        _text(trace.answer, highlights, key="answer")
        final_answer(session, trace)
    trace_facts.scores(session, trace, found)
    around.queries(session, trace.trace_id)
    trace_facts.selected(session, trace)
    trace_facts.history(session, trace)
    trace_facts.origin(trace)
    around.near_duplicates(session, trace.trace_id)
    around.more_like_this(session, trace.trace_id, open_trace)


def _headline(session: Session, view: View, trace: Reading, found: dict[str, Standing]) -> None:
    mark = f"{MARKS[trace.verdict]} " if trace.verdict in MARKS else ""
    words = VERDICT_WORDS.get(trace.verdict, "")
    head = f"{mark}`{short_id(trace.trace_id)}` :gray[{words}]"
    if view.score and session.run_id:
        standing = found.get(view.score)
        where = place(column_of(session, view.score), standing.value if standing else None)
        head += f" · **{where}** :gray[by {escape(view.score)}]"
    if trace_facts.unusual_words(session, trace.trace_id):
        head += " · :orange[unusual gradient]"
    st.markdown(head)


def _text(text: str, highlights: list[str], key: str) -> None:
    """A text as the reader was asked to show texts."""
    show = st.session_state.get("reader_show") or RAW
    if show == RENDERED:
        st.markdown(rendered(text))
    else:
        step_view(
            text,
            [StepValue(0, len(text), None)],
            name="",
            key=f"raw_{key}",
            highlights=highlights,
            numbered=False,
        )


def _response(session: Session, trace: Reading, highlights: list[str]) -> None:
    steps = reading.steps(session.catalogue, session.run_id, trace.trace_id) if session.run_id else {}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        show = st.segmented_control(
            "Show",
            [RAW, BESIDE, RENDERED],
            default=RAW,
            required=True,
            key="reader_show",
            persist_state="session",
            help="Raw is exactly what a model would be trained on.",
        )
        name = colour.score_of(steps)
        tokens = colour.tokens(session, trace, name)
    if trace.parts > 1:
        st.caption(
            f"A long response: {whole(trace.length)} characters in {trace.parts} parts, raw and complete."
        )
        st.number_input("Part", 1, trace.parts, key=key_of("reader_part"))
    if session.run and steps and not any(one.startswith("influence/") for one in steps):
        st.caption(_not_split(str(session.run.parameters.get("steps", "none"))))
    vetoed = reading.vetoed_steps(session.catalogue, trace.trace_id)
    split = steps.get(name) or [StepValue(a, b, None) for a, b in _plain_steps(trace)]
    if show == BESIDE:
        left, right = st.columns(2)
    else:
        left = right = st.container()
    if show in (RAW, BESIDE):
        with left:
            step_view(
                trace.response,
                split,
                name=name,
                key="steps",
                start=trace.start,
                highlights=highlights,
                tokens=tokens,
                vetoed=vetoed,
                trace_id=trace.trace_id,
                on_veto=veto_step,
            )
    if vetoed:
        st.caption(
            f"{plural(len(vetoed), 'step')} vetoed: in the trace, but not in the loss of trainings and of the export formats that can say so."
        )
    if show in (RENDERED, BESIDE):
        with right:
            st.markdown(rendered(trace.response))
    if name and show != RENDERED:
        st.caption(
            colour.legend(name, bool(tokens), rounded=bool(session.run and session.run.dtype == "bfloat16"))
        )


def _not_split(asked: str) -> str:
    """Why a trace has no influence by step."""
    if asked == "none":
        return "Influence was not split over steps in this run; `curation score --steps all` does it."
    return (
        f"Influence was split over the steps of the {escape(asked)} most and least helpful traces of each group, and this "
        "is none of them; `curation score --steps all` does all."
    )


def _plain_steps(trace: Reading) -> list[tuple[int, int]]:
    """Steps by the text alone, where no run has measured them."""
    return [(trace.start + start, trace.start + stop) for start, stop in split_steps(trace.response)]


def _highlights(session: Session, view: View, trace: Reading) -> list[str]:
    """What the search found in this trace."""
    texts = [trace.prompt, trace.response]
    return found_in(session.catalogue, view.search, texts) if view.search else []
