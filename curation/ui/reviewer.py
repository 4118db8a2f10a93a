"""The reviewer's name in this browser: a reload starts a new session, and decisions carry the name for good."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import streamlit as st

COOKIE = "curation_reviewer"
LONGEST = 100
_SCRIPT = Path(__file__).with_name("static") / "reviewer.js"


def remembered() -> str:
    """The name that was written last in this browser; "" if none was."""
    found = st.context.cookies.get(COOKIE)
    return unquote(found).strip()[:LONGEST] if isinstance(found, str) else ""


def remember(name: str) -> None:
    """Let the browser keep a name; nothing of it is seen."""
    _component()(key="remember_reviewer", data={"cookie": COOKIE, "name": name.strip()}, height=0)


@cache
def _component() -> Any:
    return st.components.v2.component("curation_reviewer", js=_SCRIPT.read_text(encoding="utf-8"))
