"""A project's concepts, and what the chosen run says of them, read once."""

import streamlit as st

from curation.errors import ProjectError
from curation.selection.concepts import ConceptScores, concepts_of_run
from curation.store.catalogue import Catalogue
from curation.store.concepts import About, concept_files, read_concepts
from curation.store.project import Project
from curation.ui.cached import Key
from curation.ui.session import Session


def concepts_of(session: Session) -> tuple[dict[str, About], str]:
    """What is known of each concept, and what is wrong with their files; "" if nothing is."""
    return _concepts(str(session.project.root.resolve()), concept_files(session.project), session.project)


def scores_of(session: Session) -> list[ConceptScores]:
    """Every concept that the chosen run has a score of."""
    return _scores(session.key, session.catalogue, session.run_id) if session.run_id else []


@st.cache_resource(max_entries=4, show_spinner=False)
def _concepts(root: str, files: tuple[str, ...], _project: Project) -> tuple[dict[str, About], str]:
    try:
        return {one.about.name: one.about for one in read_concepts(_project)}, ""
    except ProjectError as error:
        return {}, str(error)


@st.cache_resource(max_entries=4, show_spinner="Comparing the scores of concepts")
def _scores(key: Key, _catalogue: Catalogue, run_id: str) -> list[ConceptScores]:
    return concepts_of_run(_catalogue, run_id)
