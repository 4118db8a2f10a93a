"""Groups of near-duplicates as lists: all of them, and the traces of one with the difference of two."""

from dataclasses import replace

import numpy as np
import streamlit as st

from curation.selection.best import Best
from curation.store import reading
from curation.store.browse import lines
from curation.store.columns import Column
from curation.store.near_duplicates import NearDuplicates
from curation.traces.difference import word_difference
from curation.ui.cached import by_trace, column_of, frame_of
from curation.ui.format import plural, short_id, whole
from curation.ui.session import Session
from curation.ui.walk import list_in_browse, read_in_browse
from curation.ui.widgets import difference_view, trace_list

PAGE_SIZE, LISTED = 20, 30
# Characters of a response that are compared; difflib is quadratic where words repeat.
COMPARED = 20_000


def group_list(session: Session, found: NearDuplicates, best: Best) -> int:
    """The groups, a page of them, each by its best trace; gives the one that is open."""
    count = len(found.sizes)
    pages = -(-count // PAGE_SIZE)
    page = min(max(1, st.session_state.get("near_page", 1)), pages)
    shown = range((page - 1) * PAGE_SIZE, min(page * PAGE_SIZE, count))
    first = best.order[np.searchsorted(found.groups, shown)]
    names = dict(zip(shown, frame_of(session).names_of(found.indices[first]), strict=True))
    groups = {name: group for group, name in names.items()}

    def choose(trace_id: str) -> None:
        st.session_state["near_group"] = groups[trace_id]

    chosen = st.session_state.get("near_group")
    group = chosen if isinstance(chosen, int) and chosen in shown else shown[0]
    st.markdown(f"**{plural(count, 'group')}**, the largest first")
    sizes = [(name, float(found.sizes[group])) for group, name in names.items()]
    trace_list(
        lines(session.catalogue, sizes),
        [Column("traces", np.sort(found.sizes).astype(np.float64))],
        key="near_groups",
        on_choose=choose,
        first_rank=shown[0] + 1,
        chosen=names[group],
    )
    if pages > 1:
        st.pagination(pages, default=page, key="near_page")
    return group


def one_group(session: Session, found: NearDuplicates, best: Best, group: int, score: str) -> None:
    """The traces of a group, the best first, and the difference of two of them."""
    places = best.order[found.members(group)]
    names = frame_of(session).names_of(found.indices[places])
    values = by_trace(session, score)[found.indices[places]] if score else np.full(len(places), np.nan)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Group {whole(group + 1)}**: {plural(len(names), 'trace')}", width="stretch")
        st.button(
            "Show in Browse",
            key="near_browse",
            icon=":material/list:",
            type="tertiary",
            on_click=list_in_browse,
            args=(names,),
        )
    ranked = [
        (name, float(value) if np.isfinite(value) else None)
        for name, value in zip(names[:LISTED], values[:LISTED], strict=True)
    ]
    similar = dict(zip(names, found.similarity[places].tolist(), strict=True))
    trace_list(
        [
            replace(line, scores={**line.scores, "similarity": similar[line.trace_id]})
            for line in lines(session.catalogue, ranked)
        ],
        [*([column_of(session, score)] if score else []), Column("similarity", np.sort(found.similarity))],
        key="near_members",
        on_choose=read_in_browse,
        best=names[0] if best.best[places[0]] else "",
    )
    if len(names) > LISTED:
        st.caption(f"and {whole(len(names) - LISTED)} more")
    if len(names) > 1:
        _difference(session, names[:LISTED], group)


def _difference(session: Session, names: list[str], group: int) -> None:
    """Two responses side by side, with what differs marked."""
    st.markdown("**Where two responses differ**", help="Word by word; white space is not compared.")
    labels = {name: f"{place} · {short_id(name)}" for place, name in enumerate(names, 1)}
    sides = st.columns(2, gap="small")
    left = sides[0].selectbox(
        "Left", names, format_func=labels.__getitem__, key=f"near_left_{group}", label_visibility="collapsed"
    )
    others = [name for name in names if name != left]
    right = sides[1].selectbox(
        "Right",
        others,
        format_func=labels.__getitem__,
        key=f"near_right_{group}",
        label_visibility="collapsed",
    )
    read = [reading.read(session.catalogue, name) for name in (left, right)]
    texts = [one.response[:COMPARED] if one else "" for one in read]
    first, second = word_difference(*texts)
    places = sum(differs for _, differs in first), sum(differs for _, differs in second)
    if not any(places):
        st.caption("The words of these responses are the same.")
    else:
        st.caption(f"{plural(places[0], 'passage')} only on the left, {whole(places[1])} only on the right.")
    if max(len(text) for text in texts) >= COMPARED:
        st.caption(f"Only the first {whole(COMPARED)} characters of each are compared.")
    difference_view(first, second, key="near_difference")
