"""Comparisons that were trained before, from what `validate` keeps of each training."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.store.project import Project
from curation.validation.arms import RANDOM
from curation.validation.compare import Row, rows_of
from curation.validation.trial import Trial


@dataclass(frozen=True)
class KeptTrial:
    """A training that was done, and the file that holds the model's answers (see `kept_answers`)."""

    trial: Trial
    path: Path


@dataclass(frozen=True)
class KeptAnswer:
    """What a trained model said to a held-out problem; `is_correct` is None where nothing could be graded."""

    prompt: str
    completion: str
    reference: str
    is_correct: bool | None


@dataclass(frozen=True)
class Past:
    """What recipes came to in trainings that compare: one model, one share, the same settings and problems.

    Attributes:
        comparison: The same for all shares of a comparison.
        model: Folder or hub id of what was trained.
        keep: Share of the traces that was asked for; None where the trainings do not say.
        problems: How many problems the models answered.
        rows: One a recipe, random first.
        trials: Every training, also on random draws of as many tokens.
    """

    comparison: str
    model: str
    keep: float | None
    problems: int
    rows: list[Row]
    trials: list[KeptTrial]


def past_comparisons(project: Project) -> list[Past]:
    """Every comparison with random whose trainings are there, the newest first; damaged files are left out."""
    found: dict[tuple[str, float], list[tuple[dict[str, Any], KeptTrial]]] = defaultdict(list)
    newest: dict[tuple[str, float], float] = {}
    for path in sorted((project.root / "validation").glob("*.json")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            trial = Trial(**kept["trial"])
            # In older files equal counts have to stand for equal shares.
            alike = _what_is_alike(kept), trial.traces if trial.keep is None else trial.keep
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found[alike].append((kept, KeptTrial(trial, path)))
        newest[alike] = max(newest.get(alike, 0.0), path.stat().st_mtime)
    past = []
    for alike in sorted(found, key=newest.__getitem__, reverse=True):
        trials = sorted((one for _, one in found[alike]), key=_order)
        rows = rows_of([one.trial for one in trials])
        if len(rows) > 1:
            kept, first = found[alike][0]
            past.append(
                Past(alike[0], str(kept["model"]), first.trial.keep, len(_problems(kept)), rows, trials)
            )
    return past


def kept_answers(path: Path) -> list[KeptAnswer]:
    """What the model of a training answered; empty if the file is gone or damaged."""
    try:
        answers = json.loads(path.read_text(encoding="utf-8"))["answers"]
        return [
            KeptAnswer(str(one["prompt"]), str(one["completion"]), str(one["reference"]), one["is_correct"])
            for one in answers
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _order(one: KeptTrial) -> tuple[bool, str, int]:
    return one.trial.name != RANDOM, one.trial.name, one.trial.seed


def _what_is_alike(kept: dict[str, Any]) -> str:
    """A hash of what trainings must share to be compared, but for the share of the traces."""
    settings = {name: value for name, value in kept["settings"].items() if name not in ("seed", "epochs")}
    shared = [
        kept["revision"],
        kept["lora"],
        settings,
        kept["asking"],
        _problems(kept),
        kept["trial"]["steps"],
    ]
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:12]


def _problems(kept: dict[str, Any]) -> list[str]:
    """The ids of the held-out problems; of those that were answered where the file is older."""
    ids = kept.get("problems") or [one["problem_id"] for one in kept["answers"]]
    return sorted(str(one) for one in ids)
