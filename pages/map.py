"""Map: what kinds of traces are there? A lasso makes a filter or a decision on many."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from curation.store.overview import Run
from curation.store.points import Points, mapped_runs
from curation.store.verdicts import UNDECIDED, verdicts_of
from curation.ui import jobs
from curation.ui.cached import frame_of, points_of
from curation.ui.charts import CONFIG
from curation.ui.coloured_map import CLUSTER, MOST_NAMES, cluster_labels, coloured_map, colourings
from curation.ui.format import whole
from curation.ui.lasso import lasso_panel
from curation.ui.map_figure import Drawn, Indices, write_names
from curation.ui.markup import escape
from curation.ui.region import drawn, inside_selection
from curation.ui.session import Session, current_session, session_of
from curation.ui.sidebar import run_label


class Size(NamedTuple):
    """Of a map in pixels; it takes the width that there is, which is about this."""

    width: int
    height: int


ALONE, BESIDE = Size(700, 640), Size(340, 480)
TOOLS = {**CONFIG, "modeBarButtonsToRemove": ["toImage"]}


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


def controls(session: Session, places: Points) -> tuple[str, Run | None, bool]:
    """What colours the points, the run whose map stands beside, and whether clusters are named."""
    options, clusters = colourings(session), len(places.medians)
    others = {run.run_id: run for run in session.runs if run.run_id in mapped_runs(session.catalogue)}
    others.pop(session.run_id or "", None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        colour = st.selectbox(
            "Colour by",
            list(options),
            format_func=options.__getitem__,
            key="map_colour",
            persist_state="session",
            width=260,
        )
        beside = None
        if others:
            beside = st.selectbox(
                "Beside",
                list(others),
                index=None,
                format_func=lambda run_id: run_label(others[run_id]),
                key="map_beside",
                persist_state="session",
                placeholder="The map of another run",
                width=260,
            )
        named = st.toggle(
            "Cluster names",
            value=True,
            key="map_names",
            persist_state="session",
            disabled=clusters > MOST_NAMES,
            help=f"The words that set a cluster apart, at its middle; for up to {MOST_NAMES} clusters.",
        )
    return colour or next(iter(options)), others.get(beside or ""), named and clusters <= MOST_NAMES


def to_draw(session: Session, maps: list[Points]) -> Indices:
    """The traces to draw: the same on every map that has them. What they are is said above the maps."""
    verdicts = verdicts_of(session.catalogue).codes
    here = np.flatnonzero(np.logical_or.reduce([places.on_map for places in maps]))
    shown = here[drawn(verdicts[here] != UNDECIDED)]
    some = (
        ""
        if len(shown) == len(here)
        else f"{whole(len(shown))} of {whole(len(here))} are drawn: all that are decided and an even draw of the others; "
        "a lasso takes all. "
    )
    st.caption(
        f"{some}Neighbours have similar embeddings. Draw a lasso around traces; a double click lets go of it."
    )
    return shown


def first_map(session: Session, places: Points, shown: Indices, colour: str, size: Size, named: bool) -> None:
    """The chosen run's map, which takes a lasso."""
    some = Drawn(frame_of(session), places, shown[places.on_map[shown]])
    figure = coloured_map(session, some, colour)
    if figure is None:
        return
    figure.update_layout(height=size.height)
    if named:
        write_names(figure, some, cluster_labels(session, places), size.width)
    st.plotly_chart(figure, key="map", on_select="rerun", selection_mode=("lasso", "box"), config=TOOLS)


def second_map(session: Session, other: Session, shown: Indices, colour: str, named: bool) -> None:
    """The map of another run; what the lasso on the first one holds stands out."""
    places, first = points_of(other), points_of(session)
    if places is None or first is None:
        return
    event = st.session_state.get("map") or {}
    inside = inside_selection(event.get("selection", {}), first.x, first.y)
    some = Drawn(frame_of(session), places, shown[places.on_map[shown]], inside if inside.any() else None)
    # Clusters of two runs have nothing to do with one another: those of the first colour both maps.
    figure = coloured_map(session if colour == CLUSTER else other, some, colour)
    if figure is None:
        st.info(f"This run has no {escape(colour.partition(':')[2])}.")
        return
    figure.update_layout(height=BESIDE.height, dragmode="pan")
    if named and colour != CLUSTER:
        write_names(figure, some, cluster_labels(other, places), BESIDE.width)
    st.plotly_chart(figure, key="map_of_other", config=TOOLS)


session = current_session()
st.title("Map", anchor=False)
places = points_of(session)
if places is None or session.run is None:
    empty(session)
    st.stop()
left, right = st.columns([7, 3], gap="medium")
with left:
    colour, beside, named = controls(session, places)
    other = session_of(session, beside) if beside else None
    second = points_of(other) if other else None
    shown = to_draw(session, [places, second] if second else [places])
    if other is None:
        first_map(session, places, shown, colour, ALONE, named)
    else:
        one, two = st.columns(2, gap="small")
        with one:
            st.markdown(f"**{escape(run_label(session.run))}**")
            first_map(session, places, shown, colour, BESIDE, named)
        with two:
            st.markdown(f"**{escape(run_label(other.run or session.run))}**")
            second_map(session, other, shown, colour, named)
with right:
    lasso_panel(session, "map", places.x, places.y)
