"""Map: what kinds of traces are there? A lasso makes a filter or a decision on many."""

import numpy as np
import streamlit as st

from curation.store.facets import SOURCE
from curation.store.points import Points
from curation.store.verdicts import UNDECIDED, VERDICTS, verdicts_of
from curation.ui import jobs, map_figure
from curation.ui.cached import (
    by_trace,
    cluster_names_of,
    column_of,
    facet_keys_of,
    facet_of,
    frame_of,
    points_of,
)
from curation.ui.charts import CONFIG
from curation.ui.format import whole
from curation.ui.lasso import lasso_panel
from curation.ui.region import drawn
from curation.ui.session import Session, current_session

VERDICT, CLUSTER = "Verdict", "Cluster"


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


def colourings(session: Session) -> dict[str, str]:
    """What can colour the map: a score, the verdict, the cluster or a facet, each with its label."""
    kinds = {key: "Source" if key == SOURCE else key for key in facet_keys_of(session)}
    return {f"score:{name}": name for name in session.score_names} | {
        VERDICT: VERDICT,
        CLUSTER: CLUSTER,
        **{f"facet:{key}": label for key, label in kinds.items()},
    }


def figure(session: Session, places: Points, colour: str) -> None:
    """The points, coloured."""
    frame, verdicts = frame_of(session), verdicts_of(session.catalogue).codes
    here = np.flatnonzero(places.on_map)
    shown = here[drawn(verdicts[here] != UNDECIDED)]
    kind, _, name = colour.partition(":")
    if kind == VERDICT:
        chart = map_figure.by_kind(frame, places, verdicts, VERDICTS, shown)
    elif kind == CLUSTER:
        chart = map_figure.by_kind(frame, places, places.clusters, cluster_names_of(session), shown)
    elif kind == "facet":
        facet = facet_of(session, name)
        chart = map_figure.by_kind(frame, places, facet.codes, facet.values, shown)
    else:
        chart = map_figure.by_score(frame, places, by_trace(session, name), column_of(session, name), shown)
    some = (
        ""
        if len(shown) == len(here)
        else f"{whole(len(shown))} of {whole(len(here))} drawn; a lasso takes all. "
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
left, right = st.columns([3, 1], gap="large")
with left:
    options = colourings(session)
    colour = st.selectbox(
        "Colour by",
        list(options),
        format_func=options.__getitem__,
        key="map_colour",
        persist_state="session",
        width=280,
    )
    figure(session, places, colour or next(iter(options)))
with right:
    lasso_panel(session, "map", places.x, places.y)
