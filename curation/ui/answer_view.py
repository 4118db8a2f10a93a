"""One answer of a model in full, and beside it what else was answered to the same problem."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from curation.models.final_answer import LAST_LINE, LAST_NUMBER, MARKED
from curation.store.kept_answers import Answer
from curation.store.reading import StepValue
from curation.ui.format import MISSING, one_line, plural, whole
from curation.ui.markup import escape
from curation.ui.widgets import step_view
from curation.validation.answer_list import verdict_of

OTHERS, LONGEST = 12, 120
# A mark and a word each, so that colour is never alone.
_MARKS = {True: ":blue[✓ {}]", False: ":orange[✕ {}]", None: ":gray[? {}]"}
_HOW = {
    MARKED: "marked",
    LAST_NUMBER: "none is marked; the last number",
    LAST_LINE: "none is marked; the last line",
}


def answer_view(answer: Answer) -> None:
    """What was asked, what is right, what the model said, and how it was graded."""
    st.markdown(f"{verdict(answer)} \u2002 {_extracted(answer)}")
    st.caption(_facts(answer))
    if answer.system:
        st.markdown("**System message**")
        _raw(answer.system, "answer_system")
    st.markdown("**Problem**")
    _raw(answer.prompt, "answer_prompt")
    if answer.reference:
        st.markdown("**Reference**")
        _raw(answer.reference, "answer_reference")
    st.markdown("**Completion**")
    _raw(answer.completion, "answer_completion")


def other_answers(files: Mapping[str, Mapping[str, Sequence[Answer]]], shown: str, answer: Answer) -> None:
    """What other models, and this one in other samples, answered to the same problem."""
    others = [
        (file, one)
        for file in (shown, *(name for name in files if name != shown))
        for one in files[file].get(answer.problem_id, ())
        if (file, one.sample) != (shown, answer.sample)
    ]
    if not others:
        return
    st.markdown(f"**{plural(len(others), 'other answer')} to this problem**")
    for start in range(0, min(len(others), OTHERS), 2):
        for place, (file, one) in zip(st.columns(2), others[start : start + 2], strict=False):
            with place.container(border=True):
                st.markdown(f"**{escape(file)}** \u2002 {verdict(one)} \u2002 {_extracted(one)}")
                st.caption(_facts(one))
                _raw(one.completion, f"other_{file}_{one.sample}")
    if len(others) > OTHERS:
        st.caption(f"and {whole(len(others) - OTHERS)} more")


def verdict(answer: Answer) -> str:
    """The verdict as Markdown."""
    return _MARKS[answer.is_correct].format(verdict_of(answer))


def _extracted(answer: Answer) -> str:
    if not answer.extracted:
        return ":gray[no final answer is found]"
    line = one_line(answer.extracted)
    shown = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
    return f"Final answer **{escape(shown)}** :gray[({_HOW.get(answer.how, escape(answer.how))})]"


def _facts(answer: Answer) -> str:
    name = Path(answer.model).name or answer.model
    return f"{escape(name)} · sample {whole(answer.sample)} · {plural(answer.tokens, 'token')}"


def _raw(text: str, key: str) -> None:
    """A text as it is, as the reader shows it."""
    step_view(text or MISSING, [StepValue(0, len(text) or 1, None)], name="", key=key, numbered=False)
