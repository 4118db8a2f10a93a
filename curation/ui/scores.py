"""What Select asks of all values of a score, worked out once, so that a threshold can move at once."""

import numpy as np
import streamlit as st

from curation.selection.flawed import Ends, Judge, ends, judges
from curation.selection.histogram import Histogram, histogram
from curation.store.columns import Floats
from curation.ui.cached import Key, by_trace, tokens_by_trace
from curation.ui.session import Session


def histogram_of(session: Session, name: str) -> Histogram:
    """A score of the chosen run in bars."""
    return _histogram(session.key, session.run_id or "", name, by_trace(session, name))


def ends_of(session: Session, read: tuple[str, ...]) -> tuple[Ends, ...]:
    """Both ends of the scores of the chosen run that judge a recipe, which reads some of them itself."""
    return tuple(
        _ends(session.key, session.run_id or "", judge, by_trace(session, judge.score))
        for judge in judges(session.score_names, read)
    )


def known_tokens_of(session: Session) -> Floats | None:
    """(T,) completion tokens, 0 where a trace was not scored, to be summed over any; None where no run counted them."""
    tokens = tokens_by_trace(session)
    return None if tokens is None else _known(session.key, session.run_id or "", tokens)


@st.cache_resource(max_entries=16, show_spinner=False)
def _histogram(key: Key, run_id: str, name: str, _values: Floats) -> Histogram:
    return histogram(_values)


@st.cache_resource(max_entries=32, show_spinner="Comparing with other scores")
def _ends(key: Key, run_id: str, judge: Judge, _values: Floats) -> Ends:
    return ends(judge, _values)


@st.cache_resource(max_entries=4, show_spinner=False)
def _known(key: Key, run_id: str, _tokens: Floats) -> Floats:
    known: Floats = np.nan_to_num(_tokens)
    return known
