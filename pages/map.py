"""Map: what kinds of traces are there? A lasso makes a filter or a decision on many."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.store.columns import verdicts_of
from curation.store.points import Points, score_of_points, source_of_points
from curation.ui import jobs, map_figure
from curation.ui.cached import column_of, points_of
from curation.ui.charts import CONFIG
from curation.ui.format import whole
from curation.ui.lasso import lasso_panel
from curation.ui.region import drawn
from curation.ui.session import Session, current_session

KINDS = {"Verdict": "verdict", "Cluster": "cluster", "Source": "source"}


def empty(session: Session) -> None:
    """What is missing, and the button that brings it."""
    if not session.run:
        st.info("The map needs a run with embeddings, and there is none yet; the Runs page starts one.")
        return
    job = jobs.job_of(session.project)
    if job and job.running:
        _wait(session)
        return
    command = jobs.command_line("map", session.project, ["--run", session.run.run_id])
    st.info(f"There is no map of this run yet. `{command}` makes one, and so does the button.")
    st.button("Make the map", key="make_map", type="primary", on_click=_make, args=(session,))
    if job and job.kind == "map" and job.process.returncode:
        st.error("The map could not be made; its log says why.")
        st.code(job.tail(), language=None)


@st.fragment(run_every=1.0)
def _wait(session: Session) -> None:
    job = jobs.job_of(session.project)
    if job is None or not job.running:
        st.rerun()
    st.info(f"Working ({job.kind}); this page goes on by itself when it is done.")
    st.code(job.tail(8), language=None)


def _make(session: Session) -> None:
    jobs.start(session.project, "map", "--run", session.run_id or "")


def figure(session: Session, places: Points, colour: str, verdicts: NDArray[np.object_]) -> None:
    shown = drawn(verdicts != "undecided")
    run_id = session.run_id or ""
    if colour == "Verdict":
        chart = map_figure.by_kind(places, verdicts, shown)
    elif colour == "Cluster":
        chart = map_figure.by_kind(
            places, np.array([f"cluster {n}" for n in places.clusters], dtype=object), shown
        )
    elif colour == "Source":
        chart = map_figure.by_kind(places, source_of_points(session.catalogue, run_id), shown)
    else:
        values = score_of_points(session.catalogue, run_id, colour)
        chart = map_figure.by_score(places, values, column_of(session, colour), shown)
    some = (
        ""
        if len(shown) == len(places.x)
        else f"{whole(len(shown))} of {whole(len(places.x))} drawn; a lasso takes all. "
    )
    st.caption(
        f"{some}Neighbours have similar embeddings. Draw a lasso around traces; a double click lets go of it."
    )
    config = {**CONFIG, "modeBarButtonsToRemove": ["toImage"]}
    st.plotly_chart(chart, key="map", on_select="rerun", selection_mode=("lasso", "box"), config=config)


session = current_session()
st.title("Map", anchor=False)
places = points_of(session)
if places is None:
    empty(session)
    st.stop()
verdicts = verdicts_of(session.catalogue, places.trace_ids)
left, right = st.columns([3, 1], gap="large")
with left:
    options = [*session.score_names, *KINDS]
    colour = st.selectbox("Colour by", options, key="map_colour", persist_state="session", width=280)
    figure(session, places, colour or options[0], verdicts)
with right:
    lasso_panel(session, "map", places.trace_ids, places.x, places.y, verdicts)
