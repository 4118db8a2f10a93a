"""Browse's first line: order, search, columns, saved views."""

import streamlit as st

from curation.store.saved_views import delete_view, list_views, load_view, save_view
from curation.store.search import How, Search
from curation.ui.decide import tell, telling
from curation.ui.markup import escape
from curation.ui.mirror import key_for, value_of
from curation.ui.session import Session
from curation.ui.view import (
    MOST_COLUMNS,
    change,
    current_view,
    held_view,
    name_view,
    pattern_problem,
    set_columns,
    show_in_browse,
)

HOWS = {"written": "As written", "any case": "Any case", "pattern": "Pattern"}
ORDERS = {True: "Highest first", False: "Lowest first"}


def filter_bar(session: Session) -> None:
    """Order, search, columns and saved views, in one line."""
    view = held_view()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if session.score_names:
            score, names = current_view(session).score or session.score_names[0], session.score_names
            st.selectbox(
                "Rank by", names, names.index(score), key=key_for("browse_score", score), on_change=_ranked
            )
            st.selectbox(
                "Order",
                list(ORDERS),
                list(ORDERS).index(view.descending),
                format_func=ORDERS.__getitem__,
                key=key_for("browse_order", view.descending),
                on_change=_ranked,
                width=150,
            )
        text = view.search.text if view.search else ""
        st.text_input(
            "Search",
            text,
            key=key_for("browse_search", text),
            placeholder="Text of problem or response",
            on_change=_searched,
        )
        how = view.search.how if view.search else _held_how()
        st.selectbox(
            "Find",
            list(HOWS),
            list(HOWS).index(how),
            format_func=HOWS.__getitem__,
            key=key_for("browse_how", how),
            on_change=_searched,
            width=130,
            help="The text as it is written; in small or capital letters alike; or a regular expression (RE2).",
        )
        if len(session.score_names) > 1:
            with st.popover("Columns", icon=":material/view_column:"):
                _columns(session)
        with st.popover("Views", icon=":material/bookmark:"):
            _views(session)
    if view.search and view.search.how == "pattern" and (problem := pattern_problem(view.search.text)):
        st.warning(escape(problem))


def _ranked() -> None:
    change(score=value_of("browse_score"), descending=value_of("browse_order", True))


def _searched() -> None:
    text, st.session_state["search_how"] = value_of("browse_search", ""), value_of("browse_how", "written")
    change(search=Search(text, _held_how()) if text else None)


def _held_how() -> How:
    """How the tab looks for a text."""
    how: How = st.session_state.get("search_how", "written")
    return how


def _columns(session: Session) -> None:
    """Further scores of the list."""
    view = current_view(session)
    st.multiselect(
        "Further scores in the list",
        [name for name in session.score_names if name != view.score],
        list(view.columns),
        key=key_for("browse_columns", list(view.columns)),
        max_selections=MOST_COLUMNS,
        placeholder=f"At most {MOST_COLUMNS}",
        on_change=lambda: set_columns(value_of("browse_columns", [])),
    )


def _views(session: Session) -> None:
    """Filters and order under a name."""
    saved = list_views(session.project)
    for name in saved:
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            st.button(
                escape(name),
                key=f"view_{name}",
                type="tertiary",
                width="stretch",
                on_click=open_view,
                args=(session, name),
            )
            st.button(
                "",
                key=f"forget_{name}",
                icon=":material/delete:",
                type="tertiary",
                help="Forget this view; no trace changes.",
                on_click=delete_view,
                args=(session.project, name),
            )
    if not saved:
        st.caption("No saved view yet.")
    st.text_input("Save this view as", key="view_name", placeholder="undecided-low")
    st.button("Save", key="save_view", on_click=_save, args=(session,))
    st.caption("Filters, order and columns are saved; traces chosen by a lasso are not.")


@telling
def open_view(session: Session, name: str) -> None:
    """Show a saved view; say why if it cannot be read."""
    show_in_browse(load_view(session.project, name), name)


@telling
def _save(session: Session) -> None:
    name = st.session_state["view_name"].strip()
    if not name:
        tell("Write a name for the view first.")
        return
    save_view(session.project, name, held_view())
    if held_view().among is None:
        name_view(name)
    tell(f"Saved the view {name}; its link can be shared.")
