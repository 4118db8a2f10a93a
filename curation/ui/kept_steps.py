"""The steps of the chosen run in the order in which a recipe vetoes them, read once, so that the share can move at once."""

import streamlit as st

from curation.selection.recipes import Recipe
from curation.selection.select import Selection
from curation.selection.step_choice import StepPool, step_pool
from curation.selection.step_order import StepOrder, step_order
from curation.selection.step_recipes import recipe_of_score
from curation.store.catalogue import Catalogue
from curation.store.columns import reading_order
from curation.store.frame import Bools
from curation.store.log import decision_stamp
from curation.store.step_values import StepDecisions, step_decisions, step_score_names
from curation.store.verdicts import VETO, verdicts_of
from curation.ui.cached import Key
from curation.ui.session import Session


def scores_by_step(session: Session) -> list[str]:
    """The scores of the chosen run that a recipe for steps reads."""
    return _names(session.key, session.catalogue, session.run_id) if session.run_id else []


def pool_of(session: Session, score: str, selection: Selection | None) -> StepPool:
    """The steps of a selection's traces, or of all that nobody vetoed, with the newest decisions.

    Raises:
        SelectionError: The run has not counted its tokens.
    """
    order = _order(session.key, session.catalogue, session.run_id or "", score)
    stamp = decision_stamp(session.project)
    inside = selection.selected if selection else verdicts_of(session.catalogue).codes != VETO
    decided = _decided(session.key, session.catalogue, stamp)
    recipe = selection.recipe if selection else None
    return _pool(session.key, session.run_id or "", score, stamp, recipe, order, inside, decided)


@st.cache_resource(max_entries=8, show_spinner=False)
def _names(key: Key, _catalogue: Catalogue, run_id: str) -> list[str]:
    names = [name for name in step_score_names(_catalogue, run_id) if recipe_of_score(name)]
    return sorted(names, key=reading_order)


@st.cache_resource(max_entries=2, show_spinner="Reading the steps of all traces")
def _order(key: Key, _catalogue: Catalogue, run_id: str, score: str) -> StepOrder:
    recipe = recipe_of_score(score)
    assert recipe is not None
    return step_order(_catalogue, recipe.name, run_id, score)


@st.cache_resource(max_entries=1, show_spinner=False)
def _decided(key: Key, _catalogue: Catalogue, stamp: tuple[int, int]) -> StepDecisions:
    return step_decisions(_catalogue)


@st.cache_resource(max_entries=2, show_spinner=False)
def _pool(
    key: Key,
    run_id: str,
    score: str,
    stamp: tuple[int, int],
    recipe: Recipe | None,
    _order: StepOrder,
    _inside: Bools,
    _decided: StepDecisions,
) -> StepPool:
    return step_pool(_order, _inside, _decided)
