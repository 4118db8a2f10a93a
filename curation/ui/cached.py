"""What pages ask for again and again, read once: a published file never changes, so its name is the key."""

from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.demo.report import PlantedReport, planted_report
from curation.errors import CurationError
from curation.selection.agreement import Agreement, agreement
from curation.selection.choose import Pool
from curation.selection.pool import read_pool
from curation.selection.recipes import Recipe
from curation.selection.resolve import resolve
from curation.selection.saved import load_recipe
from curation.selection.select import Selection, assemble, read_verdicts
from curation.store import columns, nearby, overview, points
from curation.store.catalogue import Catalogue
from curation.ui.session import Session

# Rankings that are compared on planted flaws.
RANKINGS = ("influence/gold", "influence/correct", "perplexity")


def column_of(session: Session, name: str) -> columns.Column:
    """A score of the chosen run as a sorted column, read once."""
    return _column(session.key, session.catalogue, session.run_id or "", name)


def tokens_of(session: Session) -> int | None:
    """Completion tokens over all traces; None before a run has counted them."""
    return _tokens(session.key, session.catalogue, session.run_id) if session.run_id else None


def tokens_by_trace(session: Session) -> columns.Floats | None:
    """(traces,) completion tokens, aligned with the sorted trace ids; None where no run has counted them."""
    return by_trace(session, "tokens") if "tokens" in session.score_names else None


def by_trace(session: Session, name: str) -> columns.Floats:
    """(traces,) a score of the chosen run, aligned with the sorted trace ids; NaN where it was not computed."""
    return by_trace_of_run(session, session.run_id or "", name)


def by_trace_of_run(session: Session, run_id: str, name: str) -> columns.Floats:
    """The same of any run."""
    return _by_trace(session.key, session.catalogue, run_id, name)


def trace_ids_of(session: Session) -> NDArray[np.object_]:
    """(traces,) all trace ids, sorted."""
    return _trace_ids(session.key, session.catalogue)


def agreement_of(session: Session) -> Agreement:
    """How all scores of the chosen run agree."""
    return _agreement(session.key, session.catalogue, session.run_id or "", tuple(session.score_names))


def sources_of(session: Session) -> list[tuple[str, int]]:
    """Each source and its number of traces."""
    return _sources(session.key, session.catalogue)


def planted_of(session: Session) -> PlantedReport | None:
    """On the demo, what rankings find of the planted flaws; None elsewhere."""
    return _planted(session.key, session.catalogue, session.run_id)


def facets_of(session: Session) -> dict[str, list[tuple[str, int]]]:
    """Metadata keys with few values, and the count of each value."""
    return _facets(session.key, session.catalogue)


def alike_of(session: Session, trace_id: str, count: int) -> list[tuple[str, float]]:
    """The traces most like one by the chosen run's embeddings, and their cosines."""
    return _alike(session.key, session.catalogue, session.run_id or "", trace_id, count)


def points_of(session: Session) -> points.Points | None:
    """The chosen run's map."""
    return _points(session.key, session.catalogue, session.run_id) if session.run_id else None


def recipe_of(session: Session) -> Recipe | None:
    """The recipe of the current saved selection.

    Raises:
        SelectionError: Its file is damaged.
    """
    return load_recipe(session.project, session.selection_name) if session.selection_name else None


def selection_of(session: Session, recipe: Recipe) -> Selection:
    """A recipe applied with the newest decisions; the scores that it reads are read once.

    Raises:
        SelectionError: No run holds what the recipe reads.
    """
    return _selection(session.key, session.counts.last_decision, recipe, session.catalogue)


def current_selection(session: Session) -> Selection | None:
    """The current saved selection; None if there is none, or if it cannot be made (its page says why)."""
    try:
        recipe = recipe_of(session)
        return selection_of(session, recipe) if recipe else None
    except CurationError:
        return None


@st.cache_resource(max_entries=48, show_spinner=False)
def _column(key: tuple[str, ...], _catalogue: Catalogue, run_id: str, name: str) -> columns.Column:
    return columns.score_column(_catalogue, run_id, name)


@st.cache_resource(max_entries=8, show_spinner=False)
def _tokens(key: tuple[str, ...], _catalogue: Catalogue, run_id: str) -> int | None:
    return overview.total_tokens(_catalogue, run_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def _by_trace(key: tuple[str, ...], _catalogue: Catalogue, run_id: str, name: str) -> columns.Floats:
    return columns.score_by_trace(_catalogue, run_id, name)


@st.cache_resource(max_entries=2, show_spinner=False)
def _trace_ids(key: tuple[str, ...], _catalogue: Catalogue) -> NDArray[np.object_]:
    return columns.trace_ids(_catalogue)


@st.cache_resource(max_entries=2, show_spinner="Comparing all scores")
def _agreement(key: tuple[str, ...], _catalogue: Catalogue, run_id: str, names: tuple[str, ...]) -> Agreement:
    return agreement(names, [_by_trace(key, _catalogue, run_id, name) for name in names])


@st.cache_resource(max_entries=8, show_spinner=False)
def _sources(key: tuple[str, ...], _catalogue: Catalogue) -> list[tuple[str, int]]:
    return overview.sources(_catalogue)


@st.cache_resource(max_entries=8, show_spinner=False)
def _planted(key: tuple[str, ...], _catalogue: Catalogue, run_id: str | None) -> PlantedReport | None:
    names = [name for name in RANKINGS if run_id and name in columns.score_names(_catalogue, run_id)]
    return planted_report(_catalogue, run_id, names) if names else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _facets(key: tuple[str, ...], _catalogue: Catalogue) -> dict[str, list[tuple[str, int]]]:
    return overview.facets(_catalogue)


@st.cache_resource(max_entries=16, show_spinner="Comparing embeddings")
def _alike(
    key: tuple[str, ...], _catalogue: Catalogue, run_id: str, trace_id: str, count: int
) -> list[tuple[str, float]]:
    return nearby.alike(_catalogue, run_id, trace_id, count)


@st.cache_resource(max_entries=4, show_spinner="Reading the map")
def _points(key: tuple[str, ...], _catalogue: Catalogue, run_id: str) -> points.Points | None:
    return points.points(_catalogue, run_id)


@st.cache_resource(max_entries=8, show_spinner="Applying the recipe")
def _selection(key: tuple[str, ...], decision: int, recipe: Recipe, _catalogue: Catalogue) -> Selection:
    resolved = resolve(_catalogue, recipe)
    pool = _pool(key, replace(resolved, keep=1.0, count=None, seed=0), _catalogue)
    number, verdicts = read_verdicts(_catalogue)
    return assemble(resolved, pool, number, verdicts)


@st.cache_resource(max_entries=4, show_spinner="Reading the scores of the recipe")
def _pool(key: tuple[str, ...], recipe: Recipe, _catalogue: Catalogue) -> Pool:
    """What a recipe reads, whatever the share that it keeps."""
    return read_pool(_catalogue, recipe)
