"""A tab's address names the run, the selection, the trace and the view that it shows, so that a link shows them again.

Streamlit can bind a widget to the address, but writes the label that an option is shown with, which for a run is not
its id, and drops without a word what is not there.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

# What every page shows; the rest belongs to one page.
SHARED = ("run", "selection")


def asked(name: str) -> str:
    """What the address asks for under a name, where that was not seen to before; "" if it asks for nothing new.

    Only a link that opened the tab, and the browser's ways back and forward, ask for something. Any other rerun may
    come with an address that is older than what the tab shows.
    """
    value, seen = st.query_params.get(name, ""), _seen()
    is_new = (name not in seen or _came_by_history()) and value != seen.get(name)
    seen[name] = value
    return value if is_new else ""


def show(**named: str) -> None:
    """Let the address name what the tab shows; "" is not named."""
    _seen().update(named)
    now = st.query_params.to_dict()
    wanted = {name: value for name, value in {**now, **named}.items() if value}
    if wanted != now:
        st.query_params.from_dict(wanted)


def kept() -> dict[str, str]:
    """What a link from one page to another goes on naming."""
    return {name: value for name in SHARED if (value := _seen().get(name))}


def _seen() -> dict[str, str]:
    """By name, what the address was last known to say."""
    seen: dict[str, str] = st.session_state.setdefault("address", {})
    return seen


def _came_by_history() -> bool:
    context = get_script_run_ctx()
    return bool(context and context.is_history_navigation)
