"""The worst steps of many traces: what vetoing them takes from the loss, which they are, and the button that does it."""

from functools import partial

import numpy as np
import streamlit as st

from curation.selection.step_choice import StepChoice
from curation.store.browse import TraceLine
from curation.store.decisions import veto_steps
from curation.store.step_values import step_texts
from curation.ui.decide import show_told, tell, telling
from curation.ui.format import number, percent, plural, whole
from curation.ui.jobs import command_line
from curation.ui.kept_steps import pool_of
from curation.ui.markup import sentence
from curation.ui.selected import selection_of
from curation.ui.session import Session, current_session
from curation.ui.step_form import Asked
from curation.ui.walk import list_in_browse
from curation.ui.widgets import trace_list

SHOWN, FIRST_WORDS = 12, 240
SHARED_OUT = "A run keeps how many tokens a trace has, not how many each step has: they are shared out over the steps by characters."


def numbers(choice: StepChoice) -> None:
    """How many steps, of how many traces, and what they cost in tokens."""
    pool = choice.pool
    figures = [
        ("Steps to veto", whole(len(choice.places)), f"of {whole(len(pool.places))} that have a value", None),
        ("In traces", whole(choice.traces), f"of {whole(choice.considered)} with such steps", None),
        (
            "Tokens",
            whole(round(choice.tokens)),
            f"{percent(choice.share)} of {whole(round(pool.tokens))}",
            SHARED_OUT,
        ),
        (
            "Up to a value of",
            number(choice.highest, signed=pool.order.column.signed),
            f"the worst is {number(_worst(choice), signed=pool.order.column.signed)}",
            None,
        ),
        ("Vetoed already", whole(len(pool.vetoed)), "steps, by whomever", None),
    ]
    for place, (label, value, said, help_) in zip(st.columns(len(figures)), figures, strict=True):
        with place.container(gap=None):
            st.metric(label, value, help=help_)
            st.caption(said)


def _worst(choice: StepChoice) -> float | None:
    places = choice.pool.places
    return float(choice.pool.order.values[places[0]]) if len(places) else None


def coverage(session: Session, choice: StepChoice) -> None:
    """Say so where only some traces have been split into steps, with the command that splits all."""
    if choice.considered == choice.pool.traces:
        return
    have = f"{whole(choice.considered)} of {plural(choice.pool.traces, 'trace')} have {choice.score} by step"
    if choice.score.startswith("influence/") and session.run and session.run.parameters.get("steps") != "all":
        have += f", those at the ends of the ranking; `{split_all(session)}` splits all"
    st.caption(sentence(f"{have}."))


def split_all(session: Session) -> str:
    """The command that makes a run as the chosen one with the steps of all traces."""
    run = session.run
    # The mean of several runs has no model of its own; its members are scored anew, each with its own.
    model = run.model if run and len(run.members) == 1 else "MODEL"
    given = ["--model", model, *(["--adapter", run.adapter] if run.adapter else [])] if run else []
    return command_line("score", session.project, [*given, "--steps", "all"])


def balance(choice: StepChoice) -> None:
    """Where in their traces the steps stand, beside where all do, and which traces would have nothing left to learn."""
    if not len(choice.places):
        return
    (first, last), (every_first, every_last) = (
        [percent(count / len(places)) for count in counts]
        for counts, places in (
            (choice.first_and_last, choice.places),
            (choice.pool.first_and_last, choice.pool.places),
        )
    )
    words = (
        f"{first} of them are the first step of their trace (of all steps {every_first}) and {last} the last "
        f"({every_last}), which often holds the answer."
    )
    if choice.emptied:
        words += f" {plural(choice.emptied, 'trace')} would have no step left to learn from, and trainings leave such traces out."
    st.caption(words)


def veto_form(session: Session, asked: Asked, choice: StepChoice) -> None:
    """The reason and the button."""
    count = len(choice.places)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Reason", key="steps_reason", placeholder=_reason(asked), width=280)
        st.button(
            f"Veto {plural(count, 'step')} of {plural(choice.traces, 'trace')}",
            key="steps_veto",
            type="primary",
            disabled=not count,
            on_click=_veto,
            args=(asked,),
        )
        shown = choice.trace_indices if count else np.unique(choice.pool.vetoed.trace)
        st.button(
            f"Show {'these traces' if count else 'the traces with vetoed steps'} in Browse",
            key="steps_browse",
            icon=":material/list:",
            type="tertiary",
            disabled=not len(shown),
            on_click=list_in_browse,
            args=(choice.pool.order.frame.ids[shown],),
        )
    show_told()


def worst_steps(session: Session, choice: StepChoice) -> None:
    """The worst of them with their text; a click opens the trace in the reader, in the colours of this score."""
    if not len(choice.places):
        st.caption(
            "No step fits into that share."
            if choice.highest is None
            else "Every step up to that share has been decided on already."
        )
        return
    order, places = choice.pool.order, choice.places[:SHOWN]
    spans = order.spans[places]
    names, texts = order.frame.names_of(spans.trace), step_texts(session.catalogue, spans, FIRST_WORDS)
    st.markdown(f"**The worst {plural(len(names), 'step')}**")
    trace_list(
        [
            TraceLine(name, value, {}, step, prompt, "", "", "")
            for name, value, (step, prompt) in zip(names, order.values[places].tolist(), texts, strict=True)
        ],
        [order.column],
        key="worst_steps",
        on_choose=partial(_read, names, choice.score),
        text_title="Step, problem",
    )


def _reason(asked: Asked) -> str:
    return f"{asked.recipe.name} recipe"


def _read(names: list[str], score: str, trace_id: str) -> None:
    st.session_state["coloured_by"] = score
    list_in_browse(list(dict.fromkeys(names)), trace_id)


@telling
def _veto(asked: Asked) -> None:
    """Veto what the page has counted, less what somebody has decided since."""
    session = current_session()
    selection = selection_of(session, asked.selection.recipe) if asked.selection else None
    choice = pool_of(session, asked.score, selection).choose(asked.share)
    reason = st.session_state["steps_reason"].strip() or _reason(asked)
    veto_steps(session.project, choice.steps, reason=reason, actor=session.reviewer)
    tell(
        f"Vetoed {plural(len(choice.steps), 'step')} of {plural(choice.traces, 'trace')}. Undo in Browse takes it back."
    )
