"""What Browse shows: the view of a browser tab, and how widgets and other pages change it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import streamlit as st

from curation.errors import CurationError
from curation.store.facets import GRADIENT, SOURCE
from curation.store.frame import Ids
from curation.store.search import check_pattern
from curation.store.view import Range, View, trace_set
from curation.ui.cached import facet_keys_of
from curation.ui.format import listed, number, plural
from curation.ui.markup import escape
from curation.ui.selected import current_selection
from curation.ui.session import Session

VERDICTS = {"": "All", "none": "Undecided", "keep": "Kept by hand", "veto": "Vetoed"}
SELECTIONS = {"": "All", "in": "In the selection", "out": "Left out by it"}
FACETS = {SOURCE: "Source", GRADIENT: "Gradient"}
# Further scores in the list beside the one that ranks it; more would leave no room for words.
MOST_COLUMNS = 3


def held_view() -> View:
    """The view as it was asked for, whatever the project has of it."""
    view = st.session_state.get("view")
    return view if isinstance(view, View) else View()


def change(**fields: Any) -> None:
    """Change some fields of the view, show its first page and its first trace; for callbacks."""
    show_in_browse(replace(held_view(), **fields))


def show_in_browse(view: View, name: str = "") -> None:
    """Make this the view of the tab; `name`: under which it is saved; for callbacks of any page."""
    st.session_state["view"] = view
    name_view(name)
    st.session_state["page_of_list"] = 1
    st.session_state["trace"] = ""


def name_view(name: str) -> None:
    """Let the view that is shown have the name under which it is saved; "" for none, as after any change."""
    st.session_state["view_of_name"] = name


def name_of_view() -> str:
    """The name under which the view that is shown is saved; "" if it is not."""
    return str(st.session_state.get("view_of_name", ""))


def clear_filters() -> None:
    """Show all traces again, in the same order."""
    view = held_view()
    show_in_browse(View(view.score, view.descending, columns=view.columns))


def current_view(session: Session) -> View:
    """The view without what the project does not have (a score, a facet), or what is no pattern."""
    view, names = held_view(), session.score_names
    search = view.search
    if search and (not search.text or (search.how == "pattern" and pattern_problem(search.text))):
        search = None
    keys = set(facet_keys_of(session)) if view.facets else set()
    score = view.score if view.score in names else (names[0] if names else None)
    return replace(
        view,
        score=score,
        descending=bool(names) and view.descending,
        ranges=tuple(one for one in view.ranges if one.score in names),
        facets=tuple((key, values) for key, values in view.facets if key in keys),
        selection=view.selection if view.selection and current_selection(session) else "",
        search=search,
        columns=tuple(name for name in view.columns if name in names and name != score)[:MOST_COLUMNS],
    )


def set_range(score: str, low: float | None, high: float | None) -> None:
    """Limit a score, or lift its limits if both are None."""
    others = [one for one in held_view().ranges if one.score != score]
    mine = [] if low is None and high is None else [Range(score, low, high)]
    change(ranges=(*others, *mine))


def set_facet(key: str, values: tuple[str, ...]) -> None:
    """Only traces of these kinds; all of them if there is none."""
    others = [(one, kinds) for one, kinds in held_view().facets if one != key]
    change(facets=(*others, *([(key, values)] if values else [])))


def set_columns(names: Sequence[str]) -> None:
    """Show further scores in the list, which stays at its place."""
    st.session_state["view"] = replace(held_view(), columns=tuple(names))
    name_view("")


def among(trace_ids: Ids | list[str]) -> View:
    """A view of these traces alone, in the order that Browse has."""
    view = held_view()
    return View(view.score, view.descending, among=trace_set(trace_ids), columns=view.columns)


@lru_cache(maxsize=64)
def pattern_problem(text: str) -> str:
    """Why a text is no regular expression; "" if it is one."""
    try:
        check_pattern(text)
    except CurationError as error:
        return str(error)
    return ""


def facet_label(key: str) -> str:
    """A facet's name as people read it."""
    return FACETS.get(key, key)


def filter_words(view: View) -> list[str]:
    """The filters that are on, in words, as Markdown."""
    words = []
    if view.verdict:
        words.append(VERDICTS[view.verdict].lower())
    if view.selection:
        words.append(SELECTIONS[view.selection].lower())
    words += [_range_words(one) for one in view.ranges]
    for key, values in view.facets:
        kinds = listed([value[:40] for value in values]) if len(values) < 4 else f"one of {len(values)}"
        words.append(f"{escape(facet_label(key))} is {escape(kinds)}")
    if view.search:
        verb = "matches" if view.search.how == "pattern" else "contains"
        words.append(f"{verb} “{escape(view.search.text[:60])}”")
    if view.among is not None:
        words.append(f"among {plural(len(view.among), 'chosen trace')}")
    return words


def _range_words(one: Range) -> str:
    low = "" if one.low is None else f"{number(one.low)} ≤ "
    high = "" if one.high is None else f" ≤ {number(one.high)}"
    return f"{low}{escape(one.score)}{high}"
