"""Unlearn: does a trained model answer better once it has forgotten some of what it learned? (2406.12397)

The chosen traces are forgotten with a bounded loss (`models.forgetting`) while others are retained, and so is a random
set as large, with the same settings, steps and retained traces. Only what the first does beyond the second is about what
was chosen.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from curation.errors import ScoringError
from curation.models.load import fingerprint, load_model
from curation.models.train import TrainSettings
from curation.scoring.progress import OnProgress, Reporter
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.overview import runs
from curation.store.points import mapped_runs
from curation.store.project import Project
from curation.store.publish import write_whole
from curation.validation.answers import ASKING, Asking
from curation.validation.arms import Arm
from curation.validation.cost import time_of
from curation.validation.forget_sets import Chosen, forget_arms, members
from curation.validation.measure import measure
from curation.validation.problems import Problem
from curation.validation.trial import Trial
from curation.validation.trials import UNLEARNED, Training, read_trial, run_trial, trial_path
from curation.validation.unlearned import BEFORE, Unlearned, keep_unlearned
from curation.validation.validate import alone


@dataclass(frozen=True)
class Unlearning:
    """What is to be unlearned, and how.

    Attributes:
        model: Folder of the trained model that is to forget.
        chosen: What.
        settings: How; epochs are passes over what is forgotten and retained.
        seeds: Unlearnings of either set, with seeds 0, 1, ...
        retain: Traces that are retained for each that is forgotten.
        run_id: The run whose map has the clusters; the newest with one if None.
        asking: How the models are asked.
        device: Where they are measured.
    """

    model: str
    chosen: Chosen
    settings: TrainSettings
    seeds: int = 3
    retain: float = 1.0
    run_id: str | None = None
    asking: Asking = ASKING
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: A number is out of its range.
        """
        if self.seeds < 1 or not self.retain > 0:
            raise ScoringError("Unlearning needs at least one seed, and traces to retain (--retain above 0).")


def unlearn(
    project: Project,
    asked: Unlearning,
    problems: Sequence[Problem],
    *,
    on_cost: Callable[[str], None] = lambda words: None,
    on_progress: OnProgress | None = None,
) -> Unlearned:
    """Forget a set and random sets, and compare on held-out problems with before and with each other.

    Every result is kept in `validation/unlearn/`; what is there is not repeated, and a killed call continues.

    Raises:
        ScoringError: The set is empty or too large, or no problem fits the model.
        SelectionError: There is no such template or selection.
        ModelError: The model cannot be loaded or trained.
        ProjectError: Another process validates this project.
    """
    folder = project.root / "validation" / UNLEARNED
    folder.mkdir(parents=True, exist_ok=True)
    report = Reporter(project.root / "validation" / "progress.json", on_progress)
    catalogue = open_catalogue(project)
    try:
        with alone(project):
            inside = members(catalogue, asked.chosen, asked.run_id or _mapped_run(catalogue))
            planned = [
                (arm, seed)
                for seed in range(asked.seeds)
                for arm in forget_arms(catalogue, asked.chosen, inside, seed, asked.retain)
            ]
            training = _training(asked, len(planned[0][0].forget_ids) + len(planned[0][0].trace_ids))
            done = []
            missing = sum(_there(project, one, training, problems) is None for one in planned)
            on_cost(
                f"{len(planned)} unlearnings of {int(inside.sum()):,} traces in {training.steps:,} optimiser steps each, measured on "
                f"{len(problems):,} problems; {len(planned) - missing} are there, {missing} to do."
            )
            before = _before(catalogue, training, problems, report)
            for number, (arm, seed) in enumerate(planned, 1):
                trial = _there(project, (arm, seed), training, problems)
                if trial is None:
                    stage = f"{number}/{len(planned)} forgetting {arm.name}, seed {seed}"
                    trial = run_trial(catalogue, arm, seed, training, problems, report=report, stage=stage)
                    if left := time_of(len(planned) - number, [trial]):
                        on_cost(f"{number} of {len(planned)} done; {left} left.")
                done.append(trial)
    finally:
        catalogue.close()
    own, random = done[::2], done[1::2]
    made = Unlearned(asked.chosen.name, asked.model, int(inside.sum()), training.steps, before, own, random)
    keep_unlearned(project, made)
    return made


def _training(asked: Unlearning, traces: int) -> Training:
    return Training(
        model=asked.model,
        revision=fingerprint(Path(asked.model).expanduser()),
        settings=asked.settings,
        lora=False,
        steps=asked.settings.steps(traces),
        asking=asked.asking,
        device=asked.device,
    )


def _mapped_run(catalogue: Catalogue) -> str | None:
    """The newest run that has a map."""
    mapped = mapped_runs(catalogue)
    return next((one.run_id for one in runs(catalogue) if one.run_id in mapped), None)


def _there(
    project: Project, planned: tuple[Arm, int], training: Training, problems: Sequence[Problem]
) -> Trial | None:
    arm, seed = planned
    return read_trial(trial_path(project, arm, seed, training, problems), arm)


def _before(catalogue: Catalogue, training: Training, problems: Sequence[Problem], report: Reporter) -> Trial:
    """The model as it is, measured once."""
    project = catalogue.project
    decides = [training.revision, project.template, training.asking.max_new_tokens]
    asked = [[one.problem_id, one.solution] for one in problems]
    key = hashlib.sha256(json.dumps([decides, asked]).encode()).hexdigest()[:12]
    path = project.root / "validation" / UNLEARNED / f"before-{key}.json"
    if there := read_trial(path, Arm(BEFORE, None, ())):
        return there
    report.start("measuring before", len(problems))
    model = load_model(training.model, device=training.device)
    measured = measure(model, problems, template=project.template, asking=training.asking)
    trial = Trial(BEFORE, 0, 0, 0, measured.log_likelihood, measured.accuracy, measured.graded)
    write_whole(path, json.dumps({"trial": asdict(trial)}).encode())
    report.finish()
    return trial
