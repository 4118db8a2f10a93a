"""Two runs side by side: how far they put the traces in the same order, and what was different about them."""

from collections.abc import Callable

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.selection.agreement import agreement
from curation.selection.joint import places
from curation.store.browse import lines
from curation.store.columns import Column, score_names
from curation.store.overview import Run
from curation.ui.cached import by_trace_of_run, frame_of
from curation.ui.format import MISSING, number, percent, plural, whole
from curation.ui.markup import cell, escape
from curation.ui.session import Session
from curation.ui.sidebar import run_label
from curation.ui.widgets import trace_list

LISTED = 8


def compare_runs(session: Session, on_choose: Callable[[str], None]) -> None:
    """How far two runs put the traces in the same order, and which ones they place differently."""
    if len(session.runs) < 2:
        st.info("Two runs are needed to compare; the Runs page starts one.")
        st.page_link("pages/runs.py", label="Runs", icon=":material/history:")
        return
    labels = {run.run_id: f"{run_label(run)} ({run.run_id[-8:]})" for run in session.runs}
    left, right = st.columns(2)
    a = left.selectbox(
        "Run A", list(labels), format_func=labels.__getitem__, key="compare_run_a", persist_state="session"
    )
    others = [run_id for run_id in labels if run_id != a]
    b = right.selectbox(
        "Run B", others, format_func=labels.__getitem__, key="compare_run_b", persist_state="session"
    )
    shared = [
        name for name in score_names(session.catalogue, a) if name in set(score_names(session.catalogue, b))
    ]
    if not shared:
        st.info("These runs have no score in common.")
        return
    st.markdown(_differences(*(next(run for run in session.runs if run.run_id == one) for one in (a, b))))
    name = st.selectbox("Score", shared, key="compare_run_score", persist_state="session", width=320)
    values = [by_trace_of_run(session, run_id, name) for run_id in (a, b)]
    rho = float(agreement(("a", "b"), values).rho[0, 1])
    both = np.isfinite(values[0]) & np.isfinite(values[1])
    missing = [int((np.isfinite(one) & ~both).sum()) for one in values]
    st.markdown(
        f"Over {plural(int(both.sum()), 'trace')} that both scored, Spearman's correlation of **{escape(name)}** is "
        f"**{MISSING if np.isnan(rho) else number(rho, signed=True)}**; {whole(missing[0])} only in A, {whole(missing[1])} only in B."
    )
    _moved(session, values, both, on_choose)


def _moved(
    session: Session,
    values: list[NDArray[np.float64]],
    both: NDArray[np.bool_],
    on_choose: Callable[[str], None],
) -> None:
    """The traces that change their place most."""
    indices = np.flatnonzero(both)
    if not len(indices):
        return
    before, after = (places(-one[both]) for one in values)
    change = after - before
    columns = st.columns(2, gap="large")
    for where, title, up in zip(
        columns, ("places up in B", "places down in B"), (-change, change), strict=True
    ):
        most = [index for index in np.argsort(-up, kind="stable")[:LISTED].tolist() if up[index] > 0]
        column = Column(title, np.sort(np.abs(change)).astype(np.float64))
        with where:
            st.markdown(f"**Most {title}**")
            if most:
                ids = frame_of(session).names_of(indices[most])
                changes = [float(up[index]) for index in most]
                moved = lines(session.catalogue, list(zip(ids, changes, strict=True)))
                trace_list(moved, [column], key=f"moved_{title}", on_choose=on_choose)
            else:
                st.caption("No trace.")


def _differences(a: Run, b: Run) -> str:
    """The settings in which two runs differ, as a table."""

    def settings(run: Run) -> dict[str, str]:
        plain = {
            "model": run.model,
            "adapter": run.adapter,
            "precision": run.dtype,
            "traces not scored": whole(run.unscored),
        }
        share = run.coverage.get("share")
        plain["parameters attributed"] = MISSING if share is None else percent(float(share))
        return plain | {
            key: str(value) for key, value in run.parameters.items() if not isinstance(value, dict | list)
        }

    first, second = settings(a), settings(b)
    differ = [key for key in first | second if first.get(key) != second.get(key) and key != "key"]
    rows = [
        f"| {cell(key)} | {cell(first.get(key, MISSING))} | {cell(second.get(key, MISSING))} |"
        for key in differ
    ]
    if not rows:
        return "They were asked for the same."
    return "\n".join(["| What differs | A | B |", "|:--|:--|:--|", *rows])
