"""What a lasso on a chart of traces holds, and what can be done with it: a filter, or a decision on all of them."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.store.browse import lines
from curation.store.verdicts import KEEP, VETO, verdicts_of
from curation.ui.bulk import decide_all
from curation.ui.cached import frame_of
from curation.ui.decide import show_told
from curation.ui.format import plural, whole
from curation.ui.region import inside_selection
from curation.ui.session import Session
from curation.ui.walk import list_in_browse, read_in_browse
from curation.ui.widgets import trace_list

LISTED = 12


def lasso_panel(
    session: Session,
    chart: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> None:
    """Count, filter, bulk decision and first traces of what is in the lasso, drawn or not.

    Args:
        session: The session.
        chart: Key of the chart that the lasso is drawn on.
        x: (T,) where all traces are; NaN is nowhere.
        y: (T,) the same.
    """
    event = st.session_state.get(chart) or {}
    inside = np.flatnonzero(inside_selection(event.get("selection", {}), x, y))
    st.subheader("Lasso", anchor=False)
    if not len(inside):
        st.caption("Nothing is in the lasso yet.")
        show_told()
        return
    decided = verdicts_of(session.catalogue).codes[inside]
    kept, vetoed = (int((decided == code).sum()) for code in (KEEP, VETO))
    by_hand = f"{whole(kept)} kept and {whole(vetoed)} vetoed by hand"
    frame, many = frame_of(session), plural(len(inside), "trace")
    st.markdown(f"**{many}** of {whole(len(frame))}; {by_hand} so far")
    st.button(
        "Show these in Browse",
        key="lasso_browse",
        icon=":material/list:",
        width="stretch",
        on_click=list_in_browse,
        args=(frame.ids[inside],),
    )
    decide_all(frame.ids[inside], key="lasso")
    show_told()
    first = lines(session.catalogue, [(trace_id, None) for trace_id in frame.names_of(inside[:LISTED])])
    trace_list(first, [], key="lasso_list", on_choose=read_in_browse)
    if len(inside) > len(first):
        st.caption(f"and {whole(len(inside) - len(first))} more")
