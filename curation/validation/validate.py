"""Validate: does training on what a recipe keeps make a better model than training on a random choice?"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from curation.errors import ProjectError, ScoringError
from curation.models.load import fingerprint
from curation.scoring.progress import OnProgress, Reporter
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project
from curation.validation.arms import RANDOM, Arm, make_arms
from curation.validation.caveats import caveats
from curation.validation.compare import row_of
from curation.validation.comparison import Comparison, Validation
from curation.validation.problems import Problem, problems_of_group
from curation.validation.trial import Trial
from curation.validation.trials import Training, read_trial, run_trial, trial_path


def validate(
    project: Project,
    comparison: Comparison,
    problems: Sequence[Problem] | None = None,
    *,
    limit: int | None = None,
    on_cost: Callable[[str], None] = lambda words: None,
    on_progress: OnProgress | None = None,
) -> Validation:
    """Train on what each recipe keeps, with each seed, and compare on held-out problems with random.

    Every training's result is kept in `validation/`; what is there is not repeated, and a killed call continues.

    Args:
        project: The project.
        comparison: What to compare.
        problems: Held-out problems; those of the comparison's query group if None.
        limit: Measure on the first so many of them; on all if None.
        on_cost: Told what it will take, before it begins.
        on_progress: Told how far each training is.

    Raises:
        SelectionError: A recipe is unknown, or no run holds what it reads.
        SourceError: There are no held-out problems.
        ScoringError: A recipe selects nothing, or the project holds no traces.
    """
    folder = project.root / "validation"
    folder.mkdir(exist_ok=True)
    report = Reporter(folder / "progress.json", on_progress)
    catalogue = open_catalogue(project)
    try:
        with _alone(project):
            report.start("selecting", comparison.seeds)
            held_out = (
                problems_of_group(catalogue, comparison.group) if problems is None else list(problems)
            )[:limit]
            arms = make_arms(
                catalogue, list(dict.fromkeys(comparison.recipes)), comparison.keep, comparison.seeds
            )
            training = _training(catalogue, comparison)
            report.finish()
            trials = _run(catalogue, arms, training, held_out, on_cost, report)
            notes = caveats(catalogue, arms[0], held_out, trials)
    finally:
        catalogue.close()
    rows = [
        row_of(
            name,
            [one for one in trials if one.name == name],
            [one for one in trials if one.name == RANDOM],
        )
        for name in dict.fromkeys(one.name for one in trials)
    ]
    return Validation(rows, trials, _how(comparison, training, held_out, problems is None), notes)


def _training(catalogue: Catalogue, comparison: Comparison) -> Training:
    """Every trial takes as many optimiser steps as the asked-for passes over the whole pool would."""
    traces = int(catalogue.rows("SELECT count(*) FROM traces")[0][0])
    if not traces:
        raise ScoringError("The project has no traces; bring some in with `curation ingest PROJECT SOURCE`.")
    a_pass = -(-traces // comparison.settings.batch_size)
    return Training(
        model=comparison.model,
        revision=fingerprint(Path(comparison.model).expanduser()),
        settings=comparison.settings,
        lora=comparison.lora,
        steps=max(1, round(comparison.settings.epochs * a_pass)),
        asking=comparison.asking,
        device=comparison.device,
    )


def _run(
    catalogue: Catalogue,
    arms: list[list[Arm]],
    training: Training,
    problems: Sequence[Problem],
    on_cost: Callable[[str], None],
    report: Reporter,
) -> list[Trial]:
    """Run what is not yet there, one seed after the other, so that early results are already comparisons."""
    planned = [(arm, seed) for seed, of_seed in enumerate(arms) for arm in of_seed]
    done: dict[tuple[str, int], Trial] = {}
    for arm, seed in planned:
        path = trial_path(catalogue.project, arm, seed, training, problems)
        if trial := read_trial(path, arm.name):
            done[arm.name, seed] = trial
    missing = [(arm, seed) for arm, seed in planned if (arm.name, seed) not in done]
    on_cost(
        f"{_many(len(planned), 'training')} ({_many(len(arms[0]), 'recipe')}, {_many(len(arms), 'seed')}) of {training.steps:,} optimiser "
        f"steps each, measured on {len(problems):,} problems; {len(done)} are there, {len(missing)} to do."
    )
    for number, (arm, seed) in enumerate(missing, 1):
        stage = f"{number}/{len(missing)} {arm.name}, seed {seed}"
        done[arm.name, seed] = run_trial(catalogue, arm, seed, training, problems, report=report, stage=stage)
    return [done[arm.name, seed] for arm, seed in planned]


def _how(
    comparison: Comparison, training: Training, problems: Sequence[Problem], from_group: bool
) -> list[str]:
    where = f"of query group {comparison.group}" if from_group else "given"
    kind = "A LoRA adapter of" if comparison.lora else "All weights of"
    return [
        f"{kind} {comparison.model} trained on {comparison.keep:.0%} of the traces as each recipe selects them, "
        f"decisions applied, with {_many(comparison.seeds, 'seed')}.",
        f"Every training takes {training.steps:,} optimiser steps of {comparison.settings.batch_size} traces, "
        f"as many as {comparison.settings.epochs:g} passes over the whole pool.",
        f"Measured on {len(problems):,} problems {where}; differences are paired by seed, intervals are 95% "
        "t-intervals over seeds.",
    ]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    with (project.root / "validation" / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectError("Another process validates this project right now; wait for it.") from error
        yield
