"""A concept on its page: what it is, how its scores agree, and the traces at either end of one of them."""

from functools import partial

import numpy as np
import streamlit as st

from curation.selection.concepts import MEANING, ConceptScores, agreement_words, separation_words
from curation.store.browse import lines
from curation.store.concepts import About
from curation.ui.cached import by_trace, column_of, frame_of, order_of
from curation.ui.charts import show
from curation.ui.markup import escape
from curation.ui.plane_figure import agreement_figure
from curation.ui.session import Session
from curation.ui.walk import list_in_browse
from curation.ui.widgets import trace_list

SHOWN = 10
MADE = {
    "mean": "the difference of the class means",
    "linear": "a logistic regression",
}


def known(about: About | None) -> None:
    """Where a concept is, what it was made from, and how well it separates."""
    if about is None:
        st.caption("Its file is no longer in the project; the run's scores of it are.")
        return
    made = MADE.get(about.made, f"the direction in {about.source}")
    st.markdown(
        escape(
            f"At the output of layer {about.layer} of {about.layers} of {about.model}, from {made}. "
            + separation_words(about.auc, about.folds, about.positive, about.negative)
        )
    )


def agreeing(one: ConceptScores) -> None:
    """How far the scores of a concept agree, and what each of them is."""
    for score in one.scores:
        st.caption(escape(f"{score}: {MEANING[score.partition('/')[0]]}"))
    if words := agreement_words(one):
        st.markdown(escape(words))
        show(agreement_figure(one.agreement), key="concept_agreement")


def raising_and_lowering(session: Session, score: str) -> None:
    """The traces at either end of a score, side by side; a click opens one in the reader."""
    falling = order_of(session, score, descending=True)
    values, frame = by_trace(session, score), frame_of(session)
    falling = falling[np.isfinite(values[falling])]
    for place, title, end in zip(
        st.columns(2),
        ("Raises it most", "Lowers it most"),
        (falling[:SHOWN], falling[::-1][:SHOWN]),
        strict=True,
    ):
        ids = [str(one) for one in frame.names_of(end)]
        found = list(zip(ids, values[end].tolist(), strict=True))
        with place:
            st.markdown(f"**{title}**")
            trace_list(
                lines(session.catalogue, found),
                [column_of(session, score)],
                key=f"{title}_{score}",
                on_choose=partial(list_in_browse, ids),
            )
