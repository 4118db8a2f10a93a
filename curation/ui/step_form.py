"""Choosing the worst steps: by which score, of which traces, and how much of their tokens."""

from dataclasses import dataclass

import streamlit as st

from curation.selection.select import Selection
from curation.selection.step_recipes import STEP_RECIPES, StepRecipe, recipe_of_score
from curation.ui.kept_steps import scores_by_step
from curation.ui.markup import escape
from curation.ui.selected import current_selection
from curation.ui.session import Session

EVERY, SELECTED = "every", "selected"
SEGMENTS = "segments"


@dataclass(frozen=True, eq=False)
class Asked:
    """What the widgets ask for.

    Attributes:
        score: A score by step of the chosen run.
        recipe: The recipe that reads it.
        selection: Whose steps; those of all traces that nobody vetoed if None.
        share: Of their completion tokens, at most.
    """

    score: str
    recipe: StepRecipe
    selection: Selection | None
    share: float


def choose_steps(session: Session) -> Asked:
    """The widgets; the run must have one of `scores_by_step`."""
    scores = scores_by_step(session)
    recipes = {score: recipe for score in scores if (recipe := recipe_of_score(score))}
    left, middle, right = st.columns([3, 3, 4], gap="medium", vertical_alignment="bottom")
    score = left.selectbox(
        "Worst by",
        scores,
        key="steps_score",
        persist_state="session",
        format_func=lambda score: SEGMENTS if score == "segment-strength" else score,
    )
    selection = current_selection(session)
    of = middle.selectbox(
        "Of",
        [EVERY, SELECTED] if selection else [EVERY],
        key="steps_of",
        persist_state="session",
        format_func=lambda of: session.selection_name if of == SELECTED else "all traces not vetoed",
    )
    recipe = recipes[score]
    share = right.slider(
        "Veto, of the completion tokens, at most",
        0.5,
        100.0,
        100 * recipe.most,
        0.5,
        key=f"steps_share_{recipe.name}",
        persist_state="session",
        format="%.1f%%",
        help="The worst steps go first. Steps that somebody has decided on stay as they are, and count.",
    )
    what = STEP_RECIPES[recipe.name].partition(";")[0]
    st.caption(escape(f"Vetoes {what}{f' ({recipe.group})' if recipe.group else ''}."))
    return Asked(score, recipe, selection if of == SELECTED else None, share / 100)
