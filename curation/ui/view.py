"""What Browse shows: the filters' widgets, and the view that they make."""

from functools import lru_cache
from typing import Any, Literal

import streamlit as st

from curation.errors import CurationError
from curation.store import sets
from curation.store.browse import View
from curation.store.sets import Search
from curation.ui.cached import facets_of, sources_of
from curation.ui.format import number, plural
from curation.ui.markup import escape
from curation.ui.session import Session

WRITTEN, PATTERN = "As written", "Pattern"
HOWS: dict[str, Literal["written", "any case", "pattern"]] = {
    WRITTEN: "written",
    "Any case": "any case",
    PATTERN: "pattern",
}
HIGHEST, LOWEST = "Highest first", "Lowest first"
VERDICTS = {"": "All", "none": "Undecided", "keep": "Kept by hand", "veto": "Vetoed"}
_KEYS = (
    "browse_verdict",
    "browse_source",
    "browse_search",
    "browse_low",
    "browse_high",
    "browse_facet",
    "browse_lasso",
)


def current_view(session: Session) -> View:
    """The view that the filters say; what the project no longer has (a score, a source) is left out."""
    state = st.session_state
    names = session.score_names
    score = state.get("browse_score")
    search = current_search()
    among = [sets.search_set(session.catalogue, search)] if search else []
    if lasso := state.get("browse_lasso"):
        among.append(sets.id_set(session.catalogue, lasso))
    return View(
        run_id=session.run_id,
        score=score if score in names else (names[0] if names else None),
        descending=bool(names) and state.get("browse_order", HIGHEST) == HIGHEST,
        verdict=state.get("browse_verdict") or "",
        source=state.get("browse_source") or "",
        low=state.get("browse_low"),
        high=state.get("browse_high"),
        facet=state.get("browse_facet"),
        among=tuple(among),
    )


def current_search() -> Search | None:
    """What is searched for; None if nothing is, or if the pattern is none (the search field says why)."""
    text = st.session_state.get("browse_search") or ""
    how = st.session_state.get("browse_how") or WRITTEN
    if not text or (how == PATTERN and pattern_problem(text)):
        return None
    return Search(text, HOWS[how])


@lru_cache(maxsize=64)
def pattern_problem(text: str) -> str:
    """Why a text is no regular expression; "" if it is one."""
    try:
        sets.check_pattern(text)
    except CurationError as error:
        return str(error)
    return ""


def show_in_browse(**filters: Any) -> None:
    """Set filters of Browse (score, order, verdict, source, search, low, high, facet, lasso), clear the rest."""
    clear_filters()
    for name, value in filters.items():
        st.session_state[f"browse_{name}"] = value


def clear_filters() -> None:
    """Show all traces again, in the same order."""
    for key in _KEYS:
        st.session_state[key] = "" if key in ("browse_search", "browse_verdict", "browse_source") else None
    _start_over()


def filter_bar(session: Session) -> None:
    """Order, search and the other filters, in one line."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if session.score_names:
            st.selectbox(
                "Rank by",
                session.score_names,
                key="browse_score",
                persist_state="session",
                on_change=_start_over,
            )
            st.selectbox(
                "Order", [HIGHEST, LOWEST], key="browse_order", persist_state="session", on_change=_start_over
            )
        st.text_input(
            "Search",
            key="browse_search",
            persist_state="session",
            placeholder="Text of problem or response",
            on_change=_start_over,
        )
        st.selectbox(
            "Find",
            list(HOWS),
            key="browse_how",
            persist_state="session",
            on_change=_start_over,
            width=130,
            help="The text as it is written; in small or capital letters alike; or a regular expression (RE2).",
        )
        with st.popover("Filters", icon=":material/filter_list:"):
            _filters(session)
    if st.session_state.get("browse_how") == PATTERN and (
        problem := pattern_problem(st.session_state.get("browse_search") or "")
    ):
        st.warning(escape(problem))


def filter_words(view: View) -> list[str]:
    """The filters that are on, in words."""
    state = st.session_state
    words = []
    if view.verdict:
        words.append(VERDICTS[view.verdict].lower())
    if view.source:
        words.append(f"source {escape(view.source)}")
    if view.low is not None or view.high is not None:
        low = "" if view.low is None else f"{number(view.low)} ≤ "
        high = "" if view.high is None else f" ≤ {number(view.high)}"
        words.append(f"{low}{escape(view.score or '')}{high}")
    if view.facet:
        words.append(f"{escape(view.facet[0])} is {escape(view.facet[1][:60])}")
    if search := current_search():
        verb = "matches" if search.how == "pattern" else "contains"
        words.append(f"{verb} “{escape(search.text[:60])}”")
    if state.get("browse_lasso"):
        words.append(f"{plural(len(state['browse_lasso']), 'trace')} from a lasso")
    return words


def _filters(session: Session) -> None:
    st.selectbox(
        "Verdict",
        list(VERDICTS),
        format_func=VERDICTS.__getitem__,
        key="browse_verdict",
        persist_state="session",
        on_change=_start_over,
    )
    sources = dict(sources_of(session))
    st.selectbox(
        "Source",
        ["", *sources],
        key="browse_source",
        persist_state="session",
        on_change=_start_over,
        format_func=lambda source: f"{source} ({sources[source]:,})" if source else "All",
    )
    facets = [(key, value, n) for key, values in facets_of(session).items() for value, n in values]
    counts = {(key, value): n for key, value, n in facets}
    if facets:
        st.selectbox(
            "Metadata",
            [None, *counts],
            key="browse_facet",
            persist_state="session",
            on_change=_start_over,
            format_func=lambda facet: f"{facet[0]}: {facet[1][:40]} ({counts[facet]:,})" if facet else "All",
        )
    if session.score_names:
        low, high = st.columns(2)
        low.number_input(
            "Score at least", value=None, key="browse_low", persist_state="session", on_change=_start_over
        )
        high.number_input(
            "Score at most", value=None, key="browse_high", persist_state="session", on_change=_start_over
        )


def _start_over() -> None:
    """Another list: show its first page and its first trace."""
    st.session_state["browse_page"] = 1
    st.session_state["trace"] = ""
