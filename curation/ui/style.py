"""The few rules that Streamlit's theme cannot express. Nothing of a project ever enters this text."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).with_name("static") / "icon.svg"
_CSS = """
<style>
[data-testid="stSidebarHeader"] { height: 1.5rem; margin: 0; padding: 0; }
[data-testid="stMainBlockContainer"] { padding-left: 2rem; padding-right: 2rem; }
.st-key-traces, .st-key-reader { flex: none; overflow-y: auto; overflow-x: hidden; }
.st-key-traces { height: calc(100vh - 16.7rem); }
[data-testid="stLayoutWrapper"]:not(:last-child) > .st-key-traces { height: calc(100vh - 19.7rem); }
.st-key-reader { height: calc(100vh - 13.2rem); padding-right: 0.6rem; }
.st-key-decide button { padding-left: 0.6rem; padding-right: 0.6rem; }
</style>
"""


def style() -> None:
    """Add the rules to the page."""
    st.html(_CSS)
