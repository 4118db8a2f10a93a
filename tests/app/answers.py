"""Answers of two models to a few problems, kept as `curation rollouts` keeps them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from curation.store.kept_answers import Answer
from curation.store.project import Project
from tests.app.project import HOSTILE

FIRST, SECOND = "tuned-0123456789ab", "base-0123456789ab"


def answers(count: int = 6) -> list[Answer]:
    """Right, wrong, cut off, without an answer, not graded, hostile; and again."""
    right = Answer("0", "1 + 1?", "", "2", "It is\n#### 2", 7, True, "2", "marked", True, "models/tuned", "r")
    hostile = {"system": HOSTILE[0], "reference": HOSTILE[3], "extracted": HOSTILE[1], "how": HOSTILE[2]}
    kinds = [
        right,
        replace(right, completion="Perhaps 3", extracted="3", how="last number", is_correct=False),
        replace(right, completion="Let me", extracted="", how="none", is_correct=False, finished=False),
        replace(right, completion="No idea,\nreally none.", extracted="", how="none", is_correct=False),
        replace(right, reference="", is_correct=None),
        replace(
            right, prompt=HOSTILE[6], completion=HOSTILE[4], model=HOSTILE[0], is_correct=False, **hostile
        ),  # type: ignore[arg-type]
    ]
    return [
        replace(kind, problem_id=str(n), prompt=f"{kind.prompt} ({n})")
        for n in range(count)
        for kind in [kinds[n % len(kinds)]]
    ]


def keep_answers(project: Project, name: str, given: list[Answer]) -> Path:
    """Write a file of answers."""
    path = project.root / "rollouts" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in given))
    return path


def keep_two_models(project: Project) -> None:
    """Six answers of one model, two samples of another to the first two problems."""
    keep_answers(project, FIRST, answers())
    keep_answers(
        project,
        SECOND,
        [
            replace(one, completion=f"{one.completion}, says the base", sample=sample)
            for one in answers()[:2]
            for sample in (1, 2)
        ],
    )
