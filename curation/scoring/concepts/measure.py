"""Concepts in a scoring run: whether they fit its model, and the texts on which f is measured (2602.14869)."""

from collections.abc import Sequence

import torch

from curation.errors import ScoringError
from curation.models.decoder import decoder_layers
from curation.models.encode import Encoded
from curation.models.load import LanguageModel
from curation.scoring.concepts.make import width_of
from curation.scoring.projection import Projection
from curation.scoring.work import Work
from curation.store.concepts import Concept, read_concepts
from curation.store.project import Project

# Groups of queries whose completions f is measured on, the first that there is; else so many traces at most.
GROUPS = ("gold", "correct")
TRACES = 64


def concepts_for(project: Project, model: LanguageModel) -> tuple[Concept, ...]:
    """All concepts of a project.

    Raises:
        ProjectError: A concept's file is damaged.
        ScoringError: There is none, or one is of a model of another width or depth.
        ModelError: The model's decoder layers are not found.
    """
    found = tuple(read_concepts(project))
    if not found:
        raise ScoringError(
            "The project has no concept; make one with `curation concept PROJECT --name NAME --model M "
            "--positive FILE --negative FILE`."
        )
    depth, width = len(decoder_layers(model.module)), width_of(model)
    for about in (one.about for one in found):
        if (about.width, about.layers) != (width, depth):
            raise ScoringError(
                f"The concept {about.name!r} is of a model of {about.layers} layers and width {about.width}, but "
                f"{model.name} has {depth} and {width}; move {about.name}.safetensors out of concepts/, or score that model."
            )
    return found


def projections(concepts: Sequence[Concept], model: LanguageModel) -> dict[str, Projection]:
    """What stands for each concept in place of the loss."""
    wide = torch.promote_types(model.dtype, torch.float32)
    return {
        one.about.name: Projection(one.about.layer, torch.from_numpy(one.direction).to(model.device, wide))
        for one in concepts
    }


def texts_of_group(encoded: Sequence[Encoded], groups: Sequence[str]) -> list[Encoded]:
    """The completions of the first group of queries that concepts can be measured on; none if there is no such group."""
    wanted = group_of(groups)
    return [one for one, group in zip(encoded, groups, strict=True) if group == wanted]


def group_of(groups: Sequence[str]) -> str:
    """The group of queries on whose completions concepts are measured; "" if none of these will do."""
    return next((name for name in GROUPS if name in groups), "")


def measured_on(work: Work) -> str:
    """The texts on which a run measures concepts: a group of queries or its traces; "" if it does not."""
    return (group_of(work.queries.groups) or "traces") if "concept" in work.scores else ""
