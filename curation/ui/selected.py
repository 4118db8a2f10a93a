"""A recipe as a selection: what it reads and how it ranks is worked out once, so that a threshold can move at once."""

from dataclasses import replace

import streamlit as st

from curation.errors import CurationError
from curation.selection.boundary import Boundary
from curation.selection.choose import Pool
from curation.selection.pool import read_pool
from curation.selection.ranking import Ranking, rank
from curation.selection.recipes import Recipe, kept_count
from curation.selection.resolve import resolve
from curation.selection.saved import load_recipe
from curation.selection.select import Selection, assemble
from curation.store.verdicts import verdicts_of
from curation.ui.cached import Key, by_trace_of_run
from curation.ui.session import Session


def recipe_of(session: Session) -> Recipe | None:
    """The recipe of the current saved selection.

    Raises:
        SelectionError: Its file is damaged.
    """
    return load_recipe(session.project, session.selection_name) if session.selection_name else None


def selection_of(session: Session, recipe: Recipe) -> Selection:
    """A recipe applied with the newest decisions; what it reads and ranks is worked out once, however much it keeps.

    Raises:
        SelectionError: No run holds what the recipe reads.
    """
    pool, ranking = _ranked(session, recipe)
    chosen = replace(ranking.recipe, keep=recipe.keep, count=recipe.count)
    choice = ranking.choice(kept_count(chosen, len(pool.trace_ids)))
    return assemble(chosen, pool, choice, verdicts_of(session.catalogue), {})


def boundaries_of(session: Session, selection: Selection) -> dict[str, Boundary]:
    """Where the recipe of a selection draws its line on each score that it reads; none for a draw."""
    _, ranking = _ranked(session, selection.recipe)
    return ranking.boundaries(kept_count(selection.recipe, selection.counts.traces))


def current_selection(session: Session) -> Selection | None:
    """The current saved selection; None if there is none, or if it cannot be made (its page says why)."""
    try:
        recipe = recipe_of(session)
        return selection_of(session, recipe) if recipe else None
    except CurationError:
        return None


def _ranked(session: Session, recipe: Recipe) -> tuple[Pool, Ranking]:
    resolved = _resolved(session.key, replace(recipe, keep=1.0, count=None), session)
    return _ranking(session.key, resolved, session)


@st.cache_resource(max_entries=16, show_spinner=False)
def _resolved(key: Key, recipe: Recipe, _session: Session) -> Recipe:
    return resolve(_session.catalogue, recipe)


@st.cache_resource(max_entries=4, show_spinner="Applying the recipe")
def _ranking(key: Key, recipe: Recipe, _session: Session) -> tuple[Pool, Ranking]:
    pool = _pool(key, replace(recipe, seed=0), _session)
    return pool, rank(recipe, pool)


@st.cache_resource(max_entries=4, show_spinner="Reading the scores of the recipe")
def _pool(key: Key, recipe: Recipe, _session: Session) -> Pool:
    """What a recipe reads, whatever the share that it keeps."""
    return read_pool(
        _session.catalogue, recipe, lambda name: by_trace_of_run(_session, recipe.run_id or "", name)
    )
