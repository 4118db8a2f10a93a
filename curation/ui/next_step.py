"""What to do next, in a sentence with the command or the page that does it."""

import streamlit as st

from curation.selection.saved import list_selections
from curation.store.overview import query_groups
from curation.store.view import View
from curation.ui.format import listed, whole
from curation.ui.markup import escape
from curation.ui.navigation import go_to
from curation.ui.session import Session
from curation.ui.view import show_in_browse


def next_step(session: Session) -> None:
    """Show the sentence, and a link to the page where it is done."""
    sentence, page = suggestion(session)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Next** {sentence}", width="stretch")
        if page:
            st.button(
                page.capitalize(),
                key="next_step",
                icon=":material/arrow_forward:",
                type="tertiary",
                on_click=_go,
                args=(session, page),
            )


def _go(session: Session, page: str) -> None:
    if page == "browse" and session.score_names:
        show_in_browse(View(session.score_names[0], descending=False))
    go_to(page)


def suggestion(session: Session) -> tuple[str, str]:
    """(a sentence in Markdown, the page where it is done or "")."""
    counts = session.counts
    if not counts.traces:
        return "The project is empty: add traces with `curation ingest PROJECT SOURCE`.", ""
    groups = query_groups(session.catalogue)
    if not session.runs and not groups:
        return (
            "Name problems that the model should get right: `curation queries PROJECT FILE --group gold`. "
            "Without them there is perplexity, but no influence.",
            "",
        )
    if not session.runs:
        there = listed(f"{escape(group)} ({whole(n)})" for group, n in groups)
        return f"Traces and queries are there ({there}): score them with a model.", "runs"
    if not counts.last_decision:
        return "Read the lowest-ranked traces and veto those that should not be learned from.", "browse"
    if not list_selections(session.project):
        return "Choose how much to keep, by which score, and save it under a name.", "select"
    return f"Export **{escape(session.selection_name)}** and verify the file.", "export"
