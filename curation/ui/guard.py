"""No page shows a traceback: a failure is a sentence; what was not foreseen also goes to the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from curation.errors import CurationError
from curation.ui.markup import sentence

_LOG = logging.getLogger(__name__)


@contextmanager
def guarded() -> Iterator[None]:
    """Show what goes wrong inside as one sentence."""
    try:
        yield
    except Exception as error:
        st.error(sentence(said_of(error)))


def said_of(error: Exception) -> str:
    """A failure as one sentence."""
    if isinstance(error, CurationError):
        return str(error)
    _LOG.error("A page failed", exc_info=error)
    return (
        f"This page failed ({type(error).__name__}), and nothing was changed by that; "
        "reload it, and report what the terminal says if it fails again."
    )


def show_problems(problems: list[str]) -> None:
    """Say on every page which files of the project cannot be read: what a page lacks may only be damaged."""
    for problem in problems:
        st.warning(sentence(problem))
