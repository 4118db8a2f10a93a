"""Near-duplicates: the groups, what keeping the best of each removes, and where two traces differ."""

import numpy as np
import streamlit as st

from curation.selection.best import Best, keep_best, reason
from curation.store.near_duplicates import NearDuplicates
from curation.store.verdicts import verdicts_of
from curation.ui import jobs
from curation.ui.cached import by_trace, frame_of, near_duplicates_of
from curation.ui.decide import decide_many, show_told
from curation.ui.format import plural
from curation.ui.job_button import job_button
from curation.ui.markup import escape
from curation.ui.near_duplicate_group import group_list, one_group
from curation.ui.session import Session

HIGHEST, LOWEST = "Highest", "Lowest"


def near_duplicates(session: Session) -> None:
    """All of it, or the way to find them."""
    found = near_duplicates_of(session)
    if found is None:
        st.info("Nobody has looked for near-duplicates yet: traces that share most of their words.")
        _search(session)
        return
    traces, groups = plural(len(found.indices), "trace"), plural(len(found.sizes), "group")
    later = session.counts.traces - found.traces
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{traces}** of {found.traces:,} in **{groups}**, joined at a similarity of {found.threshold:g} or more"
            + (f"; {plural(later, 'trace')} came in later" if later > 0 else ""),
            width="stretch",
            help="Jaccard similarity: of all runs of five words that two traces have, the share that both have.",
        )
        with st.popover("Search again", icon=":material/search:"):
            _search(session, found.threshold)
    if not len(found.indices):
        st.caption("No two traces are as similar as that.")
        return
    score, best = _keep_best(session, found)
    left, right = st.columns([5, 7], gap="large")
    with left:
        group = group_list(session, found, best)
    with right:
        one_group(session, found, best, group, score)


def _search(session: Session, before: float = 0.8) -> None:
    """The threshold, the command and the button."""
    threshold = st.number_input(
        "Similarity from which two traces count as near-duplicates", 0.1, 1.0, before, 0.05, width=420
    )
    arguments = ["--threshold", f"{threshold:g}"]
    st.markdown(
        f"`{jobs.command_line('duplicates', session.project, arguments)}` finds them, and so does the button."
    )
    job_button(session.project, "Find near-duplicates", "duplicates", *arguments)


def _keep_best(session: Session, found: NearDuplicates) -> tuple[str, Best]:
    """By which score the best is chosen, what keeping it removes, and the button that does it."""
    verdicts = verdicts_of(session.catalogue).codes[found.indices]
    if not session.score_names:
        st.caption("Keeping the best of each group needs a score; the Runs page starts a run.")
        return "", keep_best(found.groups, np.full(len(verdicts), np.nan), verdicts)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        score = st.selectbox(
            "Best by", session.score_names, key="near_score", persist_state="session", width=260
        )
        order = st.segmented_control(
            "Best is the",
            [HIGHEST, LOWEST],
            default=HIGHEST,
            required=True,
            key="near_order",
            persist_state="session",
        )
        values = by_trace(session, score)[found.indices]
        best = keep_best(found.groups, values, verdicts, highest=order == HIGHEST)
        goes = frame_of(session).ids[found.indices[best.goes]]
        st.button(
            f"Keep the best, veto {plural(len(goes), 'trace')}",
            key="near_veto",
            type="primary",
            disabled=not len(goes),
            on_click=decide_many,
            args=(goes, "veto", reason(score)),
        )
    st.markdown(
        f"Keeps the best of each of {plural(len(found.sizes), 'group')} by {escape(score)} and vetoes "
        f"{plural(len(goes), 'trace')}.",
        help="What was decided by hand stays: a vetoed trace is never the best, a kept one always stays. A trace "
        "without the score loses; of equal ones the first by id stays.",
    )
    show_told()
    return score, best
