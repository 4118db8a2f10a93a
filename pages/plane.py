"""Plane: where is the harm? One score against another, with what the selection prunes."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from curation.selection.boundary import Boundary, boundaries
from curation.selection.recipes import Recipe
from curation.selection.select import Selection
from curation.store.verdicts import KEEP, UNDECIDED, VETO, Codes, verdicts_of
from curation.ui.cached import agreement_of, by_trace, column_of, frame_of
from curation.ui.charts import CONFIG, show
from curation.ui.format import percent, whole
from curation.ui.lasso import lasso_panel
from curation.ui.markup import escape
from curation.ui.plane_figure import STATES, Plane, agreement_figure, place_of, plane_figure, view_range
from curation.ui.recipe_form import describe
from curation.ui.region import drawn
from curation.ui.selected import current_selection
from curation.ui.session import Session, current_session

VALUES, PLACES = "Values", "Places"
FIRST = ("influence/correct", "influence/incorrect")
BY_HAND = {KEEP: "kept by hand", VETO: "vetoed"}


def axes(session: Session) -> tuple[str, str]:
    """The two scores that were chosen: at first influence on correct and on incorrect, where the run has both."""
    names = session.score_names
    first, second = FIRST if set(FIRST) <= set(names) else (names[0], names[min(1, len(names) - 1)])
    for key, name in (("plane_x", first), ("plane_y", second)):
        if st.session_state.get(key) not in names:
            st.session_state[key] = name
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    x = left.selectbox("Across", names, key="plane_x", persist_state="session")
    y = middle.selectbox("Up", names, key="plane_y", persist_state="session")
    right.segmented_control(
        "Axes",
        [VALUES, PLACES],
        default=VALUES,
        required=True,
        key="plane_axes",
        persist_state="session",
        help="Places spread the traces evenly; values show how strong the strongest are.",
    )
    return x, y


def on_axes(lines: Mapping[str, Boundary], plane: Plane) -> dict[str, Boundary]:
    """Boundaries on the two scores as places."""
    values = {plane.x_name: plane.x, plane.y_name: plane.y}
    return {
        name: Boundary(place_of(line.low, values[name]), place_of(_above(line.high), values[name]))
        for name, line in lines.items()
        if name in values
    }


def _above(value: float) -> float:
    """The next larger number, so that a value itself counts as below it."""
    return float(np.nextafter(value, np.inf))


def states(verdicts: Codes, selection: Selection | None) -> Codes:
    """(T,) what each trace is to the selection, or to the reviewers where there is none: a place in `STATES`."""
    place = {state: np.int8(code) for code, state in enumerate(STATES)}
    found = np.full(len(verdicts), place["undecided"])
    if selection is not None:
        found = np.where(selection.choice.kept, place["in the selection"], place["pruned"])
    for verdict, state in BY_HAND.items():
        found[verdicts == verdict] = place[state]
    return found


def quadrants(plane: Plane) -> None:
    """How many traces are on either side of zero, of two signed scores."""
    both = np.isfinite(plane.x) & np.isfinite(plane.y)
    total = max(1, int(both.sum()))
    across, up_name = _group(plane.x_name), _group(plane.y_name)
    rows = [f"| {across} | {up_name} | traces |", "|:-:|:-:|--:|"]
    for up in (True, False):
        for right in (True, False):
            inside = both & ((plane.x > 0) == right) & ((plane.y > 0) == up)
            count = int(inside.sum())
            rows.append(
                f"| {'+' if right else '−'} | {'+' if up else '−'} | {whole(count)} :small[{percent(count / total)}] |"
            )
    st.markdown(
        "**Quadrants**",
        help="+ is what learning a trace raises, − what it lowers: the log-likelihood of that group.",
    )
    st.markdown("\n".join(rows))


def _group(name: str) -> str:
    return escape(name.partition("/")[2] or name)


def caption(plane: Plane, shown: int, selection: Selection | None, lines: Mapping[str, Boundary]) -> None:
    """What is drawn and what is not."""
    said = []
    known = np.isfinite(plane.x) & np.isfinite(plane.y)
    if shown < int(known.sum()):
        said.append(f"{whole(shown)} of {whole(int(known.sum()))} are drawn; a lasso takes all.")
    if missing := len(known) - int(known.sum()):
        said.append(f"{whole(missing)} have not both scores.")
    outside = np.zeros(len(known), dtype=bool)
    for values in (plane.x, plane.y):
        low, high = view_range(values)
        outside |= (values < low) | (values > high)
    if hidden := int((known & outside).sum()):
        said.append(
            f"{whole(hidden)} {'lies' if hidden == 1 else 'lie'} outside the view; zoom out to see more."
        )
    if selection is not None:
        said.append(escape(describe(selection.recipe)))
        if set(lines) & {plane.x_name, plane.y_name}:
            said.append(_line_words(selection.recipe, lines))
    st.caption(" ".join(said))


def _line_words(recipe: Recipe, lines: Mapping[str, Boundary]) -> str:
    if len(lines) == 1:
        return "Dashed: its boundary."
    if recipe.name == "medium":
        return "Dashed: its bands; it keeps what lies inside all of them."
    return "Dashed: up to there this recipe has no objection; beyond it the rank by single queries may still save a trace."


session = current_session()
st.title("Plane", anchor=False)
if not session.run or not session.score_names:
    st.info("The plane needs scores, and there are none yet; the Runs page starts a run.")
    st.page_link("pages/runs.py", label="Runs", icon=":material/history:")
    st.stop()
left, right = st.columns([7, 3], gap="medium")
with left:
    x, y = axes(session)
verdicts = verdicts_of(session.catalogue).codes
selection = current_selection(session)
plane = values = Plane(
    x, y, by_trace(session, x), by_trace(session, y), frame_of(session), states(verdicts, selection)
)
known = np.flatnonzero(np.isfinite(plane.x) & np.isfinite(plane.y))
shown = known[drawn(verdicts[known] != UNDECIDED)]
with left:
    of_run = selection is not None and selection.recipe.run_id == session.run_id
    lines = boundaries(selection.recipe, selection.pool, selection.choice) if selection and of_run else {}
    if st.session_state["plane_axes"] == PLACES:
        lines = on_axes(lines, plane)
        plane = plane.by_place()
    caption(plane, len(shown), selection, lines)
    figure = plane_figure(plane, shown, lines)
    config = {**CONFIG, "modeBarButtonsToRemove": ["toImage"]}
    st.plotly_chart(figure, key="plane", on_select="rerun", selection_mode=("lasso", "box"), config=config)
with right:
    if column_of(session, x).signed and column_of(session, y).signed:
        quadrants(values)
    lasso_panel(session, "plane", plane.x, plane.y)
with st.expander("How all scores agree", expanded=False):
    agreement = agreement_of(session)
    st.caption(
        f"Spearman's correlation over {whole(agreement.traces)} traces: +1 is the same order, −1 the opposite one, 0 neither. "
        "A score that agrees with tokens or steps at ±0.9 is mostly length."
    )
    show(agreement_figure(agreement), key="agreement")
