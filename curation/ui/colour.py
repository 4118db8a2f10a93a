"""What colours a response in the reader: which score, by step or by token, and what the colours say."""

import streamlit as st

from curation.store import reading
from curation.store.reading import Reading, StepValue
from curation.ui.markup import escape
from curation.ui.mirror import key_for, value_of
from curation.ui.session import Session

LEGENDS = {
    "grace": ":blue[Blue, +] pulls the last hidden state where the answer and the steps before do, :orange[orange, −] against "
    "them. The trace has the mean of its steps.",
    "segment-strength": "Darker: the log-likelihood of the final answer rests more on this segment (integrated gradients). "
    "The segment with the answer has no value.",
    "segment-consistency": "Darker: the segment's tokens agree more in direction, all for or all against the final answer; above "
    "0.8 a segment counts as unimportant.",
}


def score_of(steps: dict[str, list[StepValue]]) -> str:
    """The score that the reviewer chose to colour the steps; "" if none was split over steps."""
    if not steps:
        return ""
    order = [f"influence/{group}" for group in ("gold", "correct", "incorrect")]
    names = sorted(steps, key=lambda name: (order.index(name) if name in order else 9, name))
    held = st.session_state.get("coloured_by")
    name = held if held in names else names[0]
    st.segmented_control(
        "Colour steps by",
        names,
        default=name,
        required=True,
        key=key_for("reader_colour", name),
        on_change=_coloured,
        format_func=_step_label,
        help="What learning a step does to the completions of a group; nll says how surprising the step is, grace how far it "
        "is in line with the answer, segment-strength how much the answer rests on it.",
    )
    return name


def _coloured() -> None:
    st.session_state["coloured_by"] = value_of("reader_colour")


def _step_label(name: str) -> str:
    return escape(name.removeprefix("influence/"))


def tokens(session: Session, trace: Reading, name: str) -> list[StepValue]:
    """The tokens to paint: none if the run did not keep them, or nobody asks for them."""
    run_id = session.run_id or ""
    kept = reading.tokens(session.catalogue, run_id, trace.trace_id, trace.length) if name else {}
    if name not in kept:
        return []
    asked = st.toggle(
        "Tokens",
        key="reader_tokens",
        persist_state="session",
        help="Paint each token by its own value, as against the largest of the trace; point at one to read it.",
    )
    return kept[name] if asked else []


def legend(name: str, by_token: bool, rounded: bool) -> str:
    """What the colours of a score say, and what its parts add up to; steps in bfloat16 are `rounded`."""
    if name.startswith("influence/"):
        group = escape(name.partition("/")[2])
        return (
            f":blue[Blue, +] raises, :orange[orange, −] lowers the log-likelihood of the {group} completions. "
            f"{'The tokens add up to the step in which they start; ∎ is the end of the response. ' if by_token else ''}"
            f"The steps add up to the trace{', within the rounding of bfloat16' if rounded else ''}."
        )
    if name in LEGENDS:
        return LEGENDS[name]
    return "Darker is more surprising: negative log-likelihood in nats. The steps add up to the trace."
