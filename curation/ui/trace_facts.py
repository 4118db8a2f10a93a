"""What is known of the trace in the reader: its scores, why it is in or out, its decisions, its source."""

import json

import streamlit as st

from curation.store import reading
from curation.store.facets import GRADIENT
from curation.store.outliers import UNUSUAL
from curation.store.reading import Reading, Standing
from curation.ui.cached import column_of, contamination_of, facet_keys_of, facet_of, frame_of
from curation.ui.format import MISSING, VERDICT_WORDS, moment, place, plural, whole, with_error
from curation.ui.markup import escape
from curation.ui.selected import current_selection
from curation.ui.session import Session

# Forms of a score that stands above them; every other score is shown at once.
_FORMS = {
    "influence-mean",
    "influence-cosine",
    "influence-rank",
    "influence-even",
    "outlier-l1",
    "outlier-l2",
}


def scores(session: Session, trace: Reading, found: dict[str, Standing]) -> None:
    """Where the trace stands in each score: place first, then the raw value."""
    if not session.run_id:
        return
    st.markdown("**Scores**")
    if reason := reading.unscored_reason(session.catalogue, session.run_id, trace.trace_id):
        st.caption(f"This run could not score it: {escape(reason)}")
    if risk := unusual_words(session, trace.trace_id):
        st.caption(risk)
    main = [name for name in session.score_names if name.partition("/")[0] not in _FORMS]
    others = [name for name in session.score_names if name not in main]
    st.markdown(_score_table(session, found, main))
    if others:
        with st.expander("Other forms of these scores"):
            st.markdown(_score_table(session, found, others))


def unusual_words(session: Session, trace_id: str) -> str:
    """What a reader should know of a trace whose gradient is unusual; "" for any other."""
    if GRADIENT not in facet_keys_of(session):
        return ""
    facet = facet_of(session, GRADIENT)
    if not facet.mask((UNUSUAL,))[frame_of(session).index(trace_id)]:
        return ""
    return (
        f"Unusual gradient: among the {100 * contamination_of(session):g}% whose gradients are least like the others'. "
        "That can be an error, or a kind of problem that is rare here."
    )


def _score_table(session: Session, found: dict[str, Standing], names: list[str]) -> str:
    rows = ["| Score | Place | Value |", "|:--|:--|--:|"]
    for name in names:
        standing, column = found.get(name), column_of(session, name)
        value, error = (standing.value, standing.standard_error) if standing else (None, None)
        exact = with_error(value, error, signed=column.signed)
        rows.append(f"| {escape(name)} | {escape(place(column, value))} | :small[{escape(exact)}] |")
    return "\n".join(rows)


def selected(session: Session, trace: Reading) -> None:
    """Whether the current selection has the trace, and why."""
    selection = current_selection(session)
    if selection is None:
        return
    index = frame_of(session).index(trace.trace_id)
    last = next(
        (event for event in reading.history(session.catalogue, trace.trace_id) if not event.step), None
    )
    why = selection.why_of(index, (last.reason or last.note) if last else "")
    state = "In" if selection.selected[index] else "Out of"
    st.markdown("**Selection**")
    st.markdown(f"{state} **{escape(session.selection_name)}**: {escape(why)}")


def history(session: Session, trace: Reading) -> None:
    """Every decision on the trace, newest first."""
    events = reading.history(session.catalogue, trace.trace_id)
    if not events:
        return
    st.markdown("**Decisions**")
    for event in events:
        words = VERDICT_WORDS.get(event.verdict, event.verdict) + (
            f" again, by {event.by}" if event.by else ""
        )
        if event.step:
            words = f"step at character {whole(event.step[0])} {words}"
        said = " · ".join(escape(text) for text in (event.reason, event.note) if text)
        who = escape(event.actor or "somebody")
        st.caption(f"{moment(event.time)} UTC, {who}: **{words}**{f', {said}' if said else ''}")


def origin(trace: Reading) -> None:
    """Where the trace came from, and what came with it."""
    st.markdown("**Source**")
    copies = f"; found {plural(trace.duplicates, 'more time')} in the sources" if trace.duplicates else ""
    st.caption(
        f"{escape(trace.source) or MISSING}, row {whole(trace.source_row)}{copies}; id {trace.trace_id}"
    )
    try:
        metadata = json.loads(trace.metadata or "{}")
    except ValueError:  # Cut off where it is very long.
        metadata = {"metadata": trace.metadata}
    if metadata:
        panel = st.expander("Metadata", key="metadata", on_change="rerun")
        if panel.open:  # Streamlit's code blocks bring 1.5 MB of script to the browser: only who looks pays.
            with panel:
                st.code(json.dumps(metadata, indent=1, ensure_ascii=False), language=None, wrap_lines=True)
