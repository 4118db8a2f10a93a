"""Where a recipe goes against what people decided, in words that lead to just those traces."""

import streamlit as st

from curation.selection.moved import conflicts
from curation.selection.select import Selection
from curation.ui.cached import frame_of
from curation.ui.format import plural
from curation.ui.session import Session
from curation.ui.walk import list_in_browse

_AT_LEAST, _AT_MOST = ("below", "above", "the line"), ("above", "below", "the line")
# Recipe -> where the traces are that it leaves out, where those that it keeps, and of what; "" for all others.
SIDES = {
    "top": _AT_LEAST,
    "top-ppl": _AT_LEAST,
    "influence-consensus": _AT_LEAST,
    "influence": _AT_LEAST,
    "bottom": _AT_MOST,
    "bottom-ppl": _AT_MOST,
    "mid": ("outside", "inside", "the band"),
    "mid-ppl": ("outside", "inside", "the band"),
    "": ("pruned by", "kept by", "the recipe"),
}


def conflict_line(session: Session, selection: Selection) -> None:
    """Keeps that the recipe leaves out, and vetoes that it takes; a click shows them in Browse."""
    found, frame = conflicts(selection), frame_of(session)
    outside, inside, what = SIDES.get(selection.recipe.name, SIDES[""])
    vetoes_are = f"{inside} {'it' if len(found.keeps) else what}"
    keeps_are = f"{outside} {what}{' or not scored' if found.not_scored else ''}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**By hand**", width="content")
        if not len(found.keeps) and not len(found.vetoes):
            st.caption("No decision goes against the recipe.", width="content")
        for key, which, noun, side in (
            ("conflict_keeps", found.keeps, "keep", keeps_are),
            ("conflict_vetoes", found.vetoes, "veto", vetoes_are),
        ):
            if len(which):
                st.button(
                    f"{plural(len(which), noun, f'{noun}es' if noun == 'veto' else '')} "
                    f"{'is' if len(which) == 1 else 'are'} {side}",
                    key=key,
                    icon=":material/list:",
                    type="tertiary",
                    on_click=list_in_browse,
                    args=(frame.ids[which],),
                    help="Decisions beat the recipe. Shows these in Browse.",
                )
