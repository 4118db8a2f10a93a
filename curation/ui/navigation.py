"""The app's pages, in the order of the navigation."""

import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

from curation.ui.address import kept

ICONS = {
    "Overview": ":material/dashboard:",
    "Browse": ":material/list:",
    "Review": ":material/rate_review:",
    "Plane": ":material/add_chart:",
    "Map": ":material/scatter_plot:",
    "Select": ":material/tune:",
    "Steps": ":material/format_strikethrough:",
    "Compare": ":material/compare_arrows:",
    "Export": ":material/download:",
    "Runs": ":material/history:",
    "Answers": ":material/quiz:",
    "Audit": ":material/fact_check:",
    "Concepts": ":material/psychology:",
    "Trust": ":material/verified:",
    "Proof": ":material/science:",
    "Settings": ":material/settings:",
}


def pages() -> list[StreamlitPage]:
    """Every page of the app; paths are relative to app.py.

    Their icons are kept apart: a page's own icon becomes the browser tab's, fetched from a CDN.
    """
    return [
        st.Page("pages/overview.py", title="Overview", default=True),
        st.Page("pages/browse.py", title="Browse"),
        st.Page("pages/review.py", title="Review"),
        st.Page("pages/plane.py", title="Plane"),
        st.Page("pages/map.py", title="Map"),
        st.Page("pages/select.py", title="Select"),
        st.Page("pages/steps.py", title="Steps"),
        st.Page("pages/compare.py", title="Compare"),
        st.Page("pages/export.py", title="Export"),
        st.Page("pages/runs.py", title="Runs"),
        st.Page("pages/answers.py", title="Answers"),
        st.Page("pages/audit.py", title="Audit"),
        st.Page("pages/concepts.py", title="Concepts"),
        st.Page("pages/trust.py", title="Trust"),
        st.Page("pages/proof.py", title="Proof"),
        st.Page("pages/settings.py", title="Settings"),
    ]


def require_routing() -> None:
    """Start over from app.py if a page was run without it.

    Streamlit runs a script of pages/ by itself when the first address opened after the server's start names
    it; once st.navigation has been called, it no longer does.
    """
    if not st.session_state.get("routed"):
        st.navigation(pages(), position="hidden")
        st.rerun()


def go_to(page: str) -> None:
    """Open a page after the rerun that follows; for callbacks, which cannot switch pages themselves."""
    st.session_state["go_to"] = f"pages/{page}.py"


def follow() -> None:
    """Open the page that a callback asked for."""
    if target := st.session_state.pop("go_to", ""):
        st.switch_page(target, query_params=kept())
