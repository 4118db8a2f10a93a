"""No page shows a traceback: a failure is a sentence; what was not foreseen also goes to the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from curation.errors import CurationError
from curation.ui.markup import escape, sentence

_LOG = logging.getLogger(__name__)


@contextmanager
def guarded() -> Iterator[None]:
    """Show what goes wrong inside as one sentence."""
    try:
        yield
    except CurationError as error:
        st.error(sentence(str(error)))
    except Exception as error:
        _LOG.exception("A page failed")
        st.error(
            f"This page failed ({escape(type(error).__name__)}), and nothing was changed by that; "
            "reload it, and report what the terminal says if it fails again."
        )
