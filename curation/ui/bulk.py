"""One verdict on many traces: a reason, and a button for each verdict that says how many it is about."""

import streamlit as st

from curation.store.frame import Ids
from curation.ui.decide import decide_many
from curation.ui.format import plural

WORDS = {"veto": "Veto", "keep": "Keep", "undecided": "Undecided:"}


def decide_all(ids: Ids, *, key: str) -> None:
    """The reason and the buttons.

    Args:
        ids: Of the traces.
        key: Beginning of the widgets' keys.
    """
    reason = st.text_input("Reason", key=f"{key}_reason", placeholder="Kept with each decision")
    for verdict, word in WORDS.items():
        st.button(
            f"{word} {plural(len(ids), 'trace')}",
            key=f"{key}_{verdict}",
            on_click=decide_many,
            args=(ids, verdict, reason),
            width="stretch",
        )
