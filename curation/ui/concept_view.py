"""A concept on its page: what it is, how its scores agree, and the traces at either end of one of them."""

from functools import partial

import numpy as np
import streamlit as st

from curation.selection.concepts import MEANING, ConceptScores, separation_words
from curation.store.browse import lines
from curation.store.concepts import About
from curation.ui.cached import by_trace, column_of, frame_of, order_of
from curation.ui.format import MISSING
from curation.ui.markup import escape, table
from curation.ui.session import Session
from curation.ui.walk import list_in_browse
from curation.ui.widgets import trace_list

SHOWN = 10
MADE = {
    "mean": "the difference of the class means",
    "linear": "a logistic regression",
}
# What the traces at either end of each score are.
ENDS = {
    "concept": ("Raise it most", "Lower it most"),
    "concept-vector": ("Have most of it", "Have least of it"),
    "concept-projection": ("Gained most of it since the base", "Lost most of it since the base"),
}


def short(score: str) -> str:
    """A concept's score as the page calls it: "gradient"."""
    return _meaning(score)[0]


def _meaning(score: str) -> tuple[str, str]:
    name, _, words = MEANING[score.partition("/")[0]].partition(": ")
    return name, words


def known(about: About | None) -> None:
    """Where a concept is, what it was made from, and how well it separates."""
    if about is None:
        st.caption("Its file is no longer in the project; the run's scores of it are.")
        return
    made = MADE.get(about.made, f"the direction in {about.source}")
    st.markdown(
        escape(
            f"At the output of layer {about.layer} of {about.layers} of the model “{_last(about.model)}”, from {made}. "
            + separation_words(about.auc, about.folds, about.positive, about.negative)
        )
    )


def _last(model: str) -> str:
    """A model's last name: a folder's path is of no interest."""
    return model.rstrip("/").split("/")[-1] or model


def agreeing(one: ConceptScores) -> None:
    """How far the scores of a concept agree; nothing where there is one alone."""
    if len(one.scores) < 2:
        return
    st.subheader("How far its scores agree", anchor=False)
    names = [short(score) for score in one.scores]
    rows = [
        [name, *(_signed(rho) for rho in row)]
        for name, row in zip(names, one.agreement.rho.tolist(), strict=True)
    ]
    st.markdown(table(["Spearman", *names], rows))
    st.caption(
        f"Over {one.agreement.traces:,} traces: +1 is the same order, \u22121 the opposite one, 0 neither. Where they disagree, the "
        "gradient is the one that says what learning a trace does."
    )


def _signed(rho: float) -> str:
    return MISSING if np.isnan(rho) else f"{rho:+.2f}".replace("-", "\u2212")


def raising_and_lowering(session: Session, score: str) -> None:
    """What a score is, and the traces at either end of it, side by side; a click opens one in the reader."""
    st.caption(escape(f"{score}: {_meaning(score)[1]}."))
    falling = order_of(session, score, descending=True)
    values, frame = by_trace(session, score), frame_of(session)
    falling = falling[np.isfinite(values[falling])]
    for place, title, end in zip(
        st.columns(2, gap="large"),
        ENDS[score.partition("/")[0]],
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
