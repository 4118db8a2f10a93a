"""Trials: one training on one arm with one seed, measured; kept by all that decides its result."""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from curation.models.load import load_model
from curation.models.train import TrainSettings, train
from curation.scoring.progress import Reporter
from curation.selection.recipes import to_fields
from curation.selection.traces import read_traces
from curation.store.catalogue import Catalogue
from curation.store.project import Project
from curation.store.publish import write_whole
from curation.validation.answers import ASKING, Asking
from curation.validation.arms import Arm, traces_of
from curation.validation.measure import Measured, measure
from curation.validation.problems import Problem
from curation.validation.trial import Trial

UNLEARNED = "unlearn"


@dataclass(frozen=True)
class Training:
    """What is the same in every trial of a comparison.

    Attributes:
        model: Folder or hub id of the model that is fine-tuned.
        revision: Hash of its weights and configuration.
        settings: How; its epochs are passes over the whole pool, its seed is replaced by the trial's.
        lora: Train an adapter.
        steps: Optimiser steps of every trial.
        asking: How the trained model is asked.
        device: Where it is measured.
    """

    model: str
    revision: str
    settings: TrainSettings
    lora: bool
    steps: int
    asking: Asking = ASKING
    device: str = "auto"


def trial_path(
    project: Project, arm: Arm, seed: int, training: Training, problems: Sequence[Problem]
) -> Path:
    """The file of a trial, named by recipe, seed and a hash of all that decides its result."""
    decides = {
        "recipe": to_fields(arm.recipe) if arm.recipe else None,
        "traces": arm.digest,
        "seed": seed,
        "template": project.template,
        "model": training.revision,
        "settings": {**training.settings.deciding(), "epochs": None, "seed": seed},
        "lora": training.lora,
        "steps": training.steps,
        "max_new_tokens": training.asking.max_new_tokens,
        "problems": [[one.problem_id, one.solution] for one in problems],
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
    name = re.sub(r"[^\w.-]", "-", arm.name)
    # What unlearns is no comparison of selections, and is kept apart from them.
    folder = project.root / "validation" / (UNLEARNED if arm.forget_ids else "")
    return folder / f"{name}-{seed}-{key}.json"


def read_trial(path: Path, arm: Arm) -> Trial | None:
    """A trial that was done before; None if it was not, or its file is damaged and the trial has to be repeated."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["trial"]
        return replace(Trial(**kept), name=arm.name, keep=arm.keep, tokens=arm.tokens)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_trial(
    catalogue: Catalogue,
    arm: Arm,
    seed: int,
    training: Training,
    problems: Sequence[Problem],
    *,
    report: Reporter,
    stage: str,
) -> Trial:
    """Fine-tune on an arm, measure, keep the result, and let go of the weights.

    Raises:
        ModelError: The model cannot be trained.
    """
    project = catalogue.project
    path = trial_path(project, arm, seed, training, problems)
    output = path.with_suffix(".model")
    shutil.rmtree(output, ignore_errors=True)
    taken = [0]
    began = time.monotonic()

    def on_steps(done: int, total: int) -> None:
        report.advance(done - taken[0], 0)
        taken[0] = done

    report.start(stage, training.steps)
    try:
        train(
            training.model,
            traces_of(catalogue, arm),
            output,
            template=project.template,
            settings=replace(training.settings, seed=seed),
            lora=training.lora,
            steps=training.steps,
            forget=read_traces(catalogue, arm.forget_ids) if arm.forget_ids else (),
            on_progress=on_steps,
        )
        report.finish()
        report.start(f"{stage}: measuring", len(problems))
        model = load_model(
            training.model if training.lora else str(output),
            adapter=str(output) if training.lora else "",
            device=training.device,
        )
        measured = measure(model, problems, template=project.template, asking=training.asking)
    finally:
        shutil.rmtree(output, ignore_errors=True)
    trial = Trial(
        arm.name,
        seed,
        len(arm.trace_ids),
        taken[0],
        measured.log_likelihood,
        measured.accuracy,
        measured.graded,
        arm.keep,
        arm.tokens,
        round(time.monotonic() - began, 3),
    )
    _keep(path, trial, arm, training, measured, problems)
    report.finish()
    return trial


def _keep(
    path: Path,
    trial: Trial,
    arm: Arm,
    training: Training,
    measured: Measured,
    problems: Sequence[Problem],
) -> None:
    """Write down the trial with all that it rests on: recipe, traces, settings, and every answer."""
    content: dict[str, Any] = {
        "trial": asdict(trial),
        "recipe": to_fields(arm.recipe) if arm.recipe else None,
        "trace_ids": arm.trace_ids,
        **({"forget_ids": arm.forget_ids} if arm.forget_ids else {}),
        "model": training.model,
        "revision": training.revision,
        "lora": training.lora,
        "settings": {**asdict(training.settings), "seed": trial.seed},
        "asking": asdict(training.asking),
        "problems": [one.problem_id for one in problems],
        "measured": {name: value for name, value in asdict(measured).items() if name != "answers"},
        "answers": [
            {**asdict(one), "model": training.model, "revision": f"trained on {arm.digest}"}
            for one in measured.answers
        ],
    }
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1).encode())
