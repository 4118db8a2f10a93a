"""What pages ask for again and again, read once: a published file never changes, so its name is the key."""

import numpy as np
import streamlit as st

from curation.demo.report import PlantedReport, planted_report
from curation.selection.agreement import Agreement, agreement
from curation.selection.cluster_words import cluster_names
from curation.store import columns, facets, frame, near_duplicates, nearby, points
from curation.store.catalogue import Catalogue
from curation.store.facets import GRADIENT, Facet
from curation.store.outliers import CONTAMINATION, FOREST, gradient_facet
from curation.store.view import in_order
from curation.ui.session import Session
from curation.validation.finding import Finding

Key = tuple[str, ...]

# Rankings that are compared on planted flaws.
RANKINGS = ("influence-consensus/gold", "influence/gold", "influence/correct", "perplexity")


def frame_of(session: Session) -> frame.Frame:
    """All traces of the project, which arrays are aligned with."""
    return frame.frame_of(session.catalogue)


def column_of(session: Session, name: str) -> columns.Column:
    """A score of the chosen run as a sorted column, read once."""
    return _column(session.key, session.catalogue, session.run_id or "", name)


def tokens_of(session: Session) -> int | None:
    """Completion tokens over all traces; None before a run has counted them."""
    tokens = tokens_by_trace(session)
    return None if tokens is None else int(np.nansum(tokens))


def tokens_by_trace(session: Session) -> columns.Floats | None:
    """(T,) completion tokens of each trace; None where no run has counted them."""
    return by_trace(session, "tokens") if "tokens" in session.score_names else None


def by_trace(session: Session, name: str) -> columns.Floats:
    """(T,) a score of the chosen run; NaN where it was not computed."""
    return by_trace_of_run(session, session.run_id or "", name)


def by_trace_of_run(session: Session, run_id: str, name: str) -> columns.Floats:
    """The same of any run."""
    return _by_trace(session.key, session.catalogue, run_id, name)


def order_of(session: Session, name: str, *, descending: bool) -> frame.Ints:
    """(T,) all traces by a score of the chosen run."""
    return _order(session.key, session.catalogue, session.run_id or "", name, descending)


def source_rows_of(session: Session) -> columns.Floats:
    """(T,) the row of each trace in its source."""
    return _source_rows(session.key, session.catalogue)


def order_of_source(session: Session) -> frame.Ints:
    """(T,) all traces in the order of their sources."""
    return _order_of_source(session.key, session.catalogue)


def agreement_of(session: Session) -> Agreement:
    """How all scores of the chosen run agree."""
    return _agreement(session.key, session.catalogue, session.run_id or "", tuple(session.score_names))


def planted_of(session: Session) -> PlantedReport | None:
    """On the demo, what rankings find of the planted flaws; None elsewhere."""
    return _planted(session.key, session.catalogue, session.run_id)


def trust_of(session: Session) -> list[Finding]:
    """What is known of how far the chosen run's scores can be believed; new trainings make it anew."""
    return _trust(session.key, trainings(session), session.run.run_id, session) if session.run else []


def trainings(session: Session) -> tuple[str, ...]:
    """Changes when a training is measured: names and times of what `validate` and `lds` keep."""
    folder = session.project.root / "validation"
    found = [*folder.glob("*.json"), *folder.glob("lds/*.json")]
    return tuple(sorted(f"{path.name} {path.stat().st_mtime_ns}" for path in found))


def facet_keys_of(session: Session) -> list[str]:
    """What traces can be sorted by: source, metadata keys with few values, and whether a run found gradients unusual."""
    keys = _facet_keys(session.key, session.catalogue)
    return [*keys, GRADIENT] if FOREST in session.score_names else keys


def facet_of(session: Session, key: str) -> Facet:
    """What kind each trace is of."""
    if key == GRADIENT:
        return _gradients(
            session.key, by_trace(session, FOREST), session.run_id or "", contamination_of(session)
        )
    return _facet(session.key, session.catalogue, key)


def contamination_of(session: Session) -> float:
    """The share of the traces that the chosen run takes for outliers."""
    return float(session.run.parameters.get("contamination", CONTAMINATION)) if session.run else CONTAMINATION


def alike_of(session: Session, trace_id: str, count: int) -> list[tuple[str, float]]:
    """The traces most like one by the chosen run's embeddings, and their cosines."""
    return _alike(session.key, session.catalogue, session.run_id or "", trace_id, count)


def near_duplicates_of(session: Session) -> near_duplicates.NearDuplicates | None:
    """What the newest search for near-duplicates found."""
    return _near_duplicates(session.key, session.catalogue)


def cluster_names_of(session: Session) -> tuple[str, ...]:
    """A name of each cluster of the chosen run's map, from the words of its traces."""
    return _cluster_names(session.key, session.catalogue, session.run_id or "")


def points_of(session: Session) -> points.Points | None:
    """The chosen run's map."""
    return _points(session.key, session.catalogue, session.run_id) if session.run_id else None


@st.cache_resource(max_entries=32, show_spinner=False)
def _column(key: Key, _catalogue: Catalogue, run_id: str, name: str) -> columns.Column:
    values = _by_trace(key, _catalogue, run_id, name)
    return columns.sorted_column(name, values[_order(key, _catalogue, run_id, name, descending=True)])


@st.cache_resource(max_entries=32, show_spinner=False)
def _by_trace(key: Key, _catalogue: Catalogue, run_id: str, name: str) -> columns.Floats:
    return columns.score_by_trace(_catalogue, run_id, name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _order(key: Key, _catalogue: Catalogue, run_id: str, name: str, descending: bool) -> frame.Ints:
    return in_order(_by_trace(key, _catalogue, run_id, name), descending=descending)


@st.cache_resource(max_entries=2, show_spinner=False)
def _source_rows(key: Key, _catalogue: Catalogue) -> columns.Floats:
    return columns.source_rows(_catalogue)


@st.cache_resource(max_entries=2, show_spinner=False)
def _order_of_source(key: Key, _catalogue: Catalogue) -> frame.Ints:
    return in_order(_source_rows(key, _catalogue), descending=False)


@st.cache_resource(max_entries=2, show_spinner="Comparing all scores")
def _agreement(key: Key, _catalogue: Catalogue, run_id: str, names: tuple[str, ...]) -> Agreement:
    return agreement(names, [_by_trace(key, _catalogue, run_id, name) for name in names])


@st.cache_resource(max_entries=8, show_spinner=False)
def _planted(key: Key, _catalogue: Catalogue, run_id: str | None) -> PlantedReport | None:
    names = [name for name in RANKINGS if run_id and name in columns.score_names(_catalogue, run_id)]
    return planted_report(_catalogue, run_id, names) if names else None


@st.cache_resource(max_entries=4, show_spinner="Comparing rankings")
def _trust(key: Key, trained: tuple[str, ...], run_id: str, _session: Session) -> list[Finding]:
    from curation.validation.trust import trust  # It loads scipy, which only this page needs.

    return trust(_session.catalogue, _session.run) if _session.run else []


@st.cache_resource(max_entries=8, show_spinner=False)
def _facet_keys(key: Key, _catalogue: Catalogue) -> list[str]:
    return facets.facet_keys(_catalogue)


@st.cache_resource(max_entries=24, show_spinner="Counting kinds")
def _facet(key: Key, _catalogue: Catalogue, name: str) -> Facet:
    return facets.facet(_catalogue, name)


@st.cache_resource(max_entries=4, show_spinner=False)
def _gradients(key: Key, _values: columns.Floats, run_id: str, contamination: float) -> Facet:
    return gradient_facet(_values, contamination)


@st.cache_resource(max_entries=16, show_spinner="Comparing embeddings")
def _alike(
    key: Key, _catalogue: Catalogue, run_id: str, trace_id: str, count: int
) -> list[tuple[str, float]]:
    return nearby.alike(_catalogue, run_id, trace_id, count)


@st.cache_resource(max_entries=2, show_spinner="Reading the near-duplicates")
def _near_duplicates(key: Key, _catalogue: Catalogue) -> near_duplicates.NearDuplicates | None:
    return near_duplicates.near_duplicates(_catalogue)


@st.cache_resource(max_entries=4, show_spinner="Reading the map")
def _points(key: Key, _catalogue: Catalogue, run_id: str) -> points.Points | None:
    return points.points(_catalogue, run_id)


@st.cache_resource(max_entries=4, show_spinner="Naming the clusters")
def _cluster_names(key: Key, _catalogue: Catalogue, run_id: str) -> tuple[str, ...]:
    places = _points(key, _catalogue, run_id)
    return cluster_names(_catalogue, places.clusters) if places else ()
