"""Keys of widgets that show what others may change too: a button, a link, a chart that is drawn on.

A browser that has not yet heard of such a change sends the widget's old value along with its next click, and Streamlit
takes that for a choice of the user's: filters that were just cleared come back. So a widget whose value others have
changed is made anew, under another key; what is still said under the old one is about a widget that is gone. Give the
value as the new widget's default: one that is written into the session's state reaches the browser only if no click
comes between.
"""

from typing import Any

import streamlit as st


def key_of(name: str) -> str:
    """The key that a widget of this name has now: the name itself at first."""
    turn = _turns().get(name, 0)
    return f"{name}-{turn}" if turn else name


def key_for(name: str, value: object) -> str:
    """The key under which a widget of this name shows a value: a new one if it shows another by now."""
    if st.session_state.get(key_of(name), value) != value:
        renew(name)
    return key_of(name)


def renew(name: str) -> None:
    """Make the widget of this name anew at the next rerun, with its default."""
    _turns()[name] = _turns().get(name, 0) + 1


def value_of(name: str, default: Any = None) -> Any:
    """What the widget of this name says now; the default if it is not there; for callbacks."""
    return st.session_state.get(key_of(name), default)


def _turns() -> dict[str, int]:
    """By name, how often a widget was made anew."""
    turns: dict[str, int] = st.session_state.setdefault("widget_turns", {})
    return turns
