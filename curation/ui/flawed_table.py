"""What the other scores say of a selection: how many of their worst traces it keeps, of their best it leaves out."""

import numpy as np
import streamlit as st

from curation.selection.flawed import Ends, flawed, judgement
from curation.selection.recipes import Recipe, score_names
from curation.selection.select import Selection
from curation.store.frame import Bools, Frame
from curation.ui.cached import frame_of
from curation.ui.format import whole
from curation.ui.markup import escape
from curation.ui.scores import ends_of
from curation.ui.session import Session
from curation.ui.walk import list_in_browse

WIDTHS = (5, 3, 3)
MEASURE = (
    "Worst 5%: at least 95% of the traces with that score are strictly better; best 5%: as many are worse. "
    "A number shows its traces in Browse."
)
MEANING = (
    "Worst is the highest perplexity, rsr and gradient-norm, the lowest influence and rds; of influence on incorrect it is "
    "the highest. The scores that the recipe reads do not judge it, nor does length."
)


def flawed_table(session: Session, selection: Selection) -> None:
    """A row for each score that the recipe does not read; each count leads to its traces."""
    every, frame = ends_of(session, read_by(selection.recipe)), frame_of(session)
    st.markdown("**Flawed by other scores**", help=MEANING)
    if not every:
        st.caption("This run has no other score that could judge the selection.")
        return
    _headline(frame, every, selection)
    with st.container(gap=None):
        for place, words in zip(
            st.columns(WIDTHS), ("score", "worst 5%, kept", "best 5%, pruned"), strict=True
        ):
            place.caption(words)
        for ends in every:
            _judge(frame, ends, selection.selected)
    st.caption(MEASURE)


def read_by(recipe: Recipe) -> tuple[str, ...]:
    """The scores that a recipe reads; rds+ reads what a group's rds is the mean of."""
    return (f"rds/{recipe.group}",) if recipe.name == "rds+" else score_names(recipe)


def _headline(frame: Frame, every: tuple[Ends, ...], selection: Selection) -> None:
    found = flawed(every, selection.selected)
    count = int(np.count_nonzero(found))
    st.button(
        f"{whole(count)} of {whole(selection.counts.kept)} kept are flawed by one or more",
        key="flawed",
        icon=":material/list:",
        type="tertiary",
        disabled=not count,
        on_click=_show,
        args=(frame, found),
    )


def _judge(frame: Frame, ends: Ends, kept: Bools) -> None:
    """What one score says."""
    found = judgement(ends, kept)
    name, worst, best = st.columns(WIDTHS, vertical_alignment="center")
    side = "highest" if ends.judge.highest_is_worst else "lowest"
    name.markdown(f"{escape(ends.judge.score)} :small[:gray[{side}]]")
    for place, what, count, total, which in (
        (worst, "flawed", found.flawed, found.worst, (ends.worst, kept)),
        (best, "missed", found.missed, found.best, (ends.best, ~kept)),
    ):
        place.button(
            f"{whole(count)} of {whole(total)}",
            key=f"{what}_{ends.judge.score}",
            type="tertiary",
            disabled=not count,
            on_click=_show,
            args=(frame, *which),
        )


def _show(frame: Frame, *masks: Bools) -> None:
    """List the traces that are in all masks in Browse."""
    which = masks[0]
    for mask in masks[1:]:
        which = which & mask
    list_in_browse(frame.ids[which])
