"""Concepts: directions at a decoder layer of one model, each an immutable file of the project."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from curation.errors import ProjectError
from curation.store.names import name_problem
from curation.store.project import Project
from curation.store.publish import flush

FOLDER, ENDING = "concepts", ".safetensors"


@dataclass(frozen=True)
class About:
    """What is known of a concept beside its direction.

    Attributes:
        name: Its name; scores carry it.
        model: Folder or hub id of the model that it was made in.
        revision: Of that model, its adapter included.
        layer: The decoder layer at whose output the direction is, counted from 0.
        layers: How many decoder layers that model has.
        width: H, the length of the direction.
        made: "mean": difference of class means; "linear": logistic regression; "file": given.
        source: Of a direction that was given: its file and row.
        positive: Texts that have the concept.
        negative: Texts that have it not.
        auc: How well it tells the two sets apart on texts that it was not made from, 0.5 being chance; None without sets.
        folds: Of the cross-validation behind that; 0 where the direction was given, so that all texts are held out.
    """

    name: str
    model: str
    revision: str
    layer: int
    layers: int
    width: int
    made: str
    source: str = ""
    positive: int = 0
    negative: int = 0
    auc: float | None = None
    folds: int = 0


@dataclass(frozen=True, eq=False)
class Concept:
    """A concept.

    Attributes:
        about: What is known of it.
        direction: (H,) float32 unit vector v; the concept of an activation h is h . v.
    """

    about: About
    direction: NDArray[np.float32]


def concept_path(project: Project, name: str) -> Path:
    """The file of a name.

    Raises:
        ProjectError: The name cannot be a file's.
    """
    if problem := name_problem(name):
        raise ProjectError(f"A concept cannot be named {name!r}: {problem}")
    return project.root / FOLDER / f"{name}{ENDING}"


def publish_concept(project: Project, concept: Concept) -> Path:
    """Write a concept's file: it appears whole, and never replaces one that is there.

    Raises:
        ProjectError: There is a concept of that name, or the name cannot be a file's.
    """
    path = concept_path(project, concept.about.name)
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{path.stem}-{uuid4().hex[:8]}.part")
    try:
        save_file(
            {"direction": concept.direction}, part, metadata={"about": json.dumps(asdict(concept.about))}
        )
        flush(part)
        os.link(part, path)  # A link, unlike a rename, never replaces another file.
        flush(path.parent)
    except FileExistsError as error:
        raise ProjectError(
            f"There is a concept {concept.about.name!r} already, and concepts never change; choose another name."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def read_concepts(project: Project) -> list[Concept]:
    """Every concept of a project, by name.

    Raises:
        ProjectError: A file is damaged.
    """
    found = sorted((project.root / FOLDER).glob(f"*{ENDING}"))
    return [_read(path) for path in found if not name_problem(path.stem)]


def concept_files(project: Project) -> tuple[str, ...]:
    """Their files' names and times, for caches: a file never changes, but may be removed and made anew."""
    found = sorted((project.root / FOLDER).glob(f"*{ENDING}"))
    return tuple(f"{path.name} {path.stat().st_mtime_ns}" for path in found)


def _read(path: Path) -> Concept:
    try:
        with safe_open(path, "numpy") as file:
            about = json.loads(file.metadata()["about"])
            direction = file.get_tensor("direction")
        known = {one.name for one in fields(About)}
        return Concept(About(**{key: value for key, value in about.items() if key in known}), direction)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ProjectError(
            f"{path.parent.name}/{path.name} is no concept that can be read; remove it and make it again."
        ) from error
