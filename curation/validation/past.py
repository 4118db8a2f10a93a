"""Comparisons that were trained before, from what `validate` keeps of each training."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from curation.store.project import Project
from curation.validation.arms import RANDOM
from curation.validation.compare import Row, row_of
from curation.validation.trial import Trial


@dataclass(frozen=True)
class Past:
    """What recipes came to in trainings that compare: one model, one share, the same settings and problems.

    Attributes:
        model: Folder or hub id of what was trained.
        keep: Share of the traces that was kept.
        rows: One a recipe, random first.
    """

    model: str
    keep: float
    rows: list[Row]


def past_comparisons(project: Project) -> list[Past]:
    """Every comparison with random whose trainings are there, the newest first; damaged files are left out."""
    found: dict[str, list[tuple[dict[str, Any], Trial]]] = defaultdict(list)
    newest: dict[str, float] = {}
    for path in sorted((project.root / "validation").glob("*.json")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            trial, alike = Trial(**kept["trial"]), _what_is_alike(kept)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found[alike].append((kept, trial))
        newest[alike] = max(newest.get(alike, 0.0), path.stat().st_mtime)
    past = []
    for alike in sorted(found, key=newest.__getitem__, reverse=True):
        trials = [trial for _, trial in found[alike]]
        random = {one.seed: one for one in trials if one.name == RANDOM}
        rows = []
        for name in sorted({one.name for one in trials}, key=lambda name: (name != RANDOM, name)):
            own = sorted((one for one in trials if one.name == name), key=lambda one: one.seed)
            own = [one for one in own if one.seed in random]
            if own:
                rows.append(row_of(name, own, [random[one.seed] for one in own]))
        if len(rows) > 1:
            first = found[alike][0][0]
            past.append(Past(str(first["model"]), float(first["recipe"]["keep"]), rows))
    return past


def _what_is_alike(kept: dict[str, Any]) -> str:
    """What trainings must share to be compared, as a text."""
    settings = {name: value for name, value in kept["settings"].items() if name not in ("seed", "epochs")}
    problems = [one.get("problem_id") for one in kept["answers"]]
    shared = [kept["revision"], kept["lora"], settings, kept["asking"], kept["recipe"]["keep"], problems]
    return json.dumps([*shared, kept["trial"]["steps"]], sort_keys=True)
