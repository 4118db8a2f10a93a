"""What a lasso on a chart of traces holds, and what can be done with it: a filter, or a decision on all of them."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.store.browse import lines
from curation.ui.decide import decide_many, show_told
from curation.ui.format import plural, whole
from curation.ui.region import inside_selection
from curation.ui.session import Session
from curation.ui.walk import list_in_browse, read_in_browse
from curation.ui.widgets import trace_list

LISTED = 12


def lasso_panel(
    session: Session,
    chart: str,
    trace_ids: NDArray[np.object_],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    verdicts: NDArray[np.object_],
) -> None:
    """Count, filter, bulk decision and first traces of what is in the lasso, drawn or not.

    Args:
        session: The session.
        chart: Key of the chart that the lasso is drawn on.
        trace_ids: (P,) of all points.
        x: (P,) where they are; NaN is nowhere.
        y: (P,) the same.
        verdicts: (P,) "keep", "veto" or "undecided".
    """
    event = st.session_state.get(chart) or {}
    inside = inside_selection(event.get("selection", {}), x, y)
    ids = trace_ids[inside].tolist()
    st.subheader("Lasso", anchor=False)
    if not ids:
        st.caption("Nothing is in the lasso yet.")
        show_told()
        return
    decided = verdicts[inside]
    kept, vetoed = (int((decided == verdict).sum()) for verdict in ("keep", "veto"))
    by_hand = f"{whole(kept)} kept and {whole(vetoed)} vetoed by hand"
    st.markdown(f"**{plural(len(ids), 'trace')}** of {whole(len(trace_ids))}; {by_hand} so far")
    st.button(
        "Show these in Browse",
        key="lasso_browse",
        icon=":material/list:",
        width="stretch",
        on_click=list_in_browse,
        args=(ids,),
    )
    reason = st.text_input("Reason", key="lasso_reason", placeholder="Kept with each decision")
    many = plural(len(ids), "trace")
    for word, verdict in (("Veto", "veto"), ("Keep", "keep"), ("Undecided:", "undecided")):
        st.button(
            f"{word} {many}",
            key=f"lasso_{verdict}",
            on_click=decide_many,
            args=(ids, verdict, reason),
            width="stretch",
        )
    show_told()
    first = lines(session.catalogue, [(trace_id, None) for trace_id in ids[:LISTED]])
    trace_list(first, [], key="lasso_list", on_choose=read_in_browse)
    if len(ids) > len(first):
        st.caption(f"and {whole(len(ids) - len(first))} more")
