"""Answers: what did models answer to problems, and was it right?"""

from collections.abc import Sequence
from itertools import chain

import streamlit as st

from curation.store.kept_answers import Answer
from curation.ui.answer_view import answer_view, other_answers
from curation.ui.format import MISSING, one_line, percent, plural, whole
from curation.ui.guard import show_problems
from curation.ui.kept_answers import answers_of
from curation.ui.mirror import key_of, renew
from curation.ui.session import current_session
from curation.validation.answer_list import KINDS, fitting, verdict_of
from curation.validation.tally import tally

PAGE_SIZE, LONGEST, ROWS_SEEN = 100, 300, 8
# Pixels; together they fit beside the sidebar of a small screen, and what is left of a larger one is shared out.
WIDTHS = {"verdict": 120, "final answer": 130, "reference": 130, "problem": 340, "sample": 70, "tokens": 70}


def figures(answers: Sequence[Answer]) -> None:
    """How the model did."""
    did = tally(answers, "")
    accuracy = MISSING if did.accuracy is None else percent(did.accuracy)
    shown = {
        "Problems": whole(did.problems),
        "Accuracy": accuracy,
        "Cut off": whole(did.cut_off),
        "No answer": whole(did.no_answer),
    }
    for place, (label, value) in zip(st.columns(len(shown)), shown.items(), strict=True):
        place.metric(label, value)
    if did.answers > did.problems:
        st.caption(
            f"{plural(did.answers, 'answer')}, of which {whole(did.correct)} are right; "
            f"{plural(did.solved, 'problem')} with a right one."
        )


def choose(key: tuple[str, int]) -> None:
    """Show an answer below the list."""
    st.session_state["answer"] = key
    renew("answers_list")


def listed(answers: Sequence[Answer], chosen: int) -> None:
    """The page of the list on which the chosen answer is."""
    first = chosen - chosen % PAGE_SIZE
    page = answers[first : first + PAGE_SIZE]
    list_key, pages_key = f"{key_of('answers_list')}-{first}", f"{key_of('answers_list')}-pages"

    def selected() -> None:
        if rows := st.session_state[list_key].selection.rows:
            st.session_state["answer"] = page[rows[0]].key

    def turned() -> None:
        choose(answers[(st.session_state[pages_key] - 1) * PAGE_SIZE].key)

    st.dataframe(
        {
            "verdict": [verdict_of(one) for one in page],
            "final answer": [_line(one.extracted) for one in page],
            "reference": [_line(one.reference) for one in page],
            "problem": [_line(one.prompt) for one in page],
            "sample": [one.sample for one in page],
            "tokens": [one.tokens for one in page],
        },
        key=list_key,
        height="auto" if len(page) <= ROWS_SEEN else 320,
        hide_index=True,
        column_config={name: st.column_config.Column(width=width) for name, width in WIDTHS.items()},
        on_select=selected,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [chosen - first]}},
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, place in (("Previous", chosen - 1), ("Next", chosen + 1)):
            inside = 0 <= place < len(answers)
            st.button(
                label,
                key=f"answers_{label}",
                disabled=not inside,
                on_click=choose,
                args=(answers[place].key if inside else answers[chosen].key,),
            )
        st.caption(f"{whole(chosen + 1)} of {plural(len(answers), 'answer')}")
        if len(answers) > PAGE_SIZE:
            pages = -(-len(answers) // PAGE_SIZE)
            st.pagination(pages, default=first // PAGE_SIZE + 1, key=pages_key, on_change=turned)


def _line(text: str) -> str:
    return one_line(text[: 2 * LONGEST])[:LONGEST] or MISSING


session = current_session()
st.title("Answers", anchor=False)
st.caption("What models answered to problems. The query groups correct and incorrect are made from these.")
files, problems = answers_of(session)
show_problems(problems)
if not files:
    st.info(
        "No model was asked yet: `curation rollouts PROJECT PROBLEMS --model M` does, and grades the answers."
    )
    st.stop()
left, middle, right = st.columns([4, 4, 3], vertical_alignment="bottom")
file = left.selectbox("Answers of", list(files), key="answers_file", persist_state="session")
kind = middle.segmented_control(
    "Show", list(KINDS), default="All", required=True, key="answers_kind", persist_state="session"
)
text = right.text_input("Search", key="answers_search", persist_state="session")
answers = list(chain.from_iterable(files[file].values()))
figures(answers)
found = fitting(answers, kind or "All", text)
if not found:
    st.info("No answer fits.")
    st.stop()
keys = {one.key: place for place, one in enumerate(found)}
chosen = keys.get(st.session_state.get("answer", ("", 0)), 0)
listed(found, chosen)
answer_view(found[chosen])
other_answers(files, file, found[chosen])
