"""Some traces under a headline: the way to all of them in Browse, the first few, and how many more there are."""

from collections.abc import Callable

import streamlit as st

from curation.store.browse import lines
from curation.store.frame import Ints
from curation.ui.cached import frame_of
from curation.ui.format import whole
from curation.ui.session import Session
from curation.ui.walk import list_in_browse, read_in_browse
from curation.ui.widgets import trace_list


def part_list(
    session: Session,
    headline: str,
    which: Ints,
    *,
    key: str,
    listed: int,
    first: Callable[[Ints], Ints] | None = None,
) -> None:
    """Show them.

    Args:
        session: The session.
        headline: What they are, as Markdown.
        which: Indices of the traces.
        key: End of the widgets' keys.
        listed: How many are listed.
        first: Gives those to list; the first ones if None.
    """
    frame = frame_of(session)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(headline, width="stretch")
        if len(which):
            st.button(
                "Show in Browse",
                key=f"browse_{key}",
                icon=":material/list:",
                type="tertiary",
                on_click=list_in_browse,
                args=(frame.ids[which],),
            )
    if len(which):
        shown = which[:listed] if first is None else first(which)
        found = lines(session.catalogue, [(trace_id, None) for trace_id in frame.names_of(shown)])
        trace_list(found, [], key=f"list_{key}", on_choose=read_in_browse)
    if len(which) > listed:
        st.caption(f"and {whole(len(which) - listed)} more")
