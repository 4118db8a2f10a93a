"""What a request comes to on a project: its queries, layers, checkpoints and concepts, and all that decides the result."""

from collections.abc import Sequence
from pathlib import Path

from curation.models.linear import linear_modules
from curation.models.load import LanguageModel, fingerprint
from curation.models.moments import Checkpoint, read_checkpoints
from curation.scoring.concepts.measure import concepts_for
from curation.scoring.request import OF_CONCEPTS, ScoreRequest
from curation.scoring.work import Work, attributes, possible_scores, read_queries
from curation.store.catalogue import Catalogue
from curation.store.concepts import concept_files
from curation.store.kept_answers import answer_files, digest_of
from curation.store.project import Project


def trail_of(request: ScoreRequest) -> list[Checkpoint]:
    """The checkpoints on the way to the model or adapter, where a score is asked for that follows them.

    Raises:
        ModelError: They are not there, or not whole.
    """
    return read_checkpoints(request.adapter or request.model) if "less" in request.scores else []


def prepare(
    catalogue: Catalogue, model: LanguageModel, request: ScoreRequest, trail: Sequence[Checkpoint] = ()
) -> Work:
    """Find out what can be computed: queries that fit, scores that they allow, layers to attribute."""
    queries = read_queries(catalogue, model)
    scores = possible_scores(request, queries)
    modules = linear_modules(model, request.modules) if attributes(scores) else []
    concepts = concepts_for(catalogue.project, model) if scores & OF_CONCEPTS else ()
    return Work(catalogue, model, modules, queries, request, scores, trail, concepts)


def further_inputs(project: Project, request: ScoreRequest) -> list[str]:
    """What some scores depend on beside traces and queries: kept answers, files of concepts, and their base model."""
    found = []
    if {"irm", "difficulty"} & set(request.scores):
        found += [f"{path.name} {digest_of(path)}" for path in answer_files(project)]
    if OF_CONCEPTS & set(request.scores):
        found += [*concept_files(project), *([fingerprint(Path(request.base))] if request.base else [])]
    return found
