"""Validate: does training on what a recipe keeps make a better model than training on a random choice?

Random is drawn as many traces as each recipe keeps, and, where that is another amount of text, as many tokens.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from curation.errors import ProjectError, ScoringError
from curation.models.load import fingerprint
from curation.scoring.progress import OnProgress, Reporter
from curation.selection.choose import Floats
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project
from curation.validation.arms import Arm, make_arms
from curation.validation.caveats import caveats
from curation.validation.compare import rows_of
from curation.validation.comparison import Comparison, Validation
from curation.validation.cost import time_of
from curation.validation.equal_tokens import RANDOM_BY_TOKENS, draws_by_tokens, token_counts
from curation.validation.problems import Problem, problems_of_group
from curation.validation.report import share
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
    """Train on what each recipe keeps at each share, with each seed, and compare on held-out problems with random.

    Every training's result is kept in `validation/`; what is there is not repeated, and a killed call continues.

    Args:
        project: The project.
        comparison: What to compare.
        problems: Held-out problems; those of the comparison's query group if None.
        limit: Measure on the first so many of them; on all if None.
        on_cost: Told what it will take, before it begins, and what is left, after each training.
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
        with alone(project):
            report.start("selecting", comparison.seeds)
            held_out = (
                problems_of_group(catalogue, comparison.group) if problems is None else list(problems)
            )[:limit]
            tokens = token_counts(catalogue)
            planned = _plan(catalogue, comparison, tokens)
            training = _training(catalogue, comparison)
            report.finish()
            trials = _run(catalogue, planned, training, held_out, on_cost, report)
            arms = [arm for arm, seed in planned if seed == 0]
            notes = caveats(catalogue, arms, held_out, trials)
    finally:
        catalogue.close()
    rows = [
        row
        for keep in dict.fromkeys(one.keep for one in trials)
        for row in rows_of([one for one in trials if one.keep == keep])
    ]
    return Validation(rows, trials, _how(comparison, training, held_out, problems is None), notes)


def _training(catalogue: Catalogue, comparison: Comparison) -> Training:
    """Every trial takes as many optimiser steps as the asked-for passes over the whole pool would."""
    traces = int(catalogue.rows("SELECT count(*) FROM traces")[0][0])
    if not traces:
        raise ScoringError("The project has no traces; bring some in with `curation ingest PROJECT SOURCE`.")
    return Training(
        model=comparison.model,
        revision=fingerprint(Path(comparison.model).expanduser()),
        settings=comparison.settings,
        lora=comparison.lora,
        steps=comparison.settings.steps(traces),
        asking=comparison.asking,
        device=comparison.device,
    )


def _plan(catalogue: Catalogue, comparison: Comparison, tokens: Floats | None) -> list[tuple[Arm, int]]:
    """What is trained on with which seed, one seed after the other, so that early results are already comparisons."""
    names = list(dict.fromkeys(comparison.recipes))
    shares = [
        make_arms(catalogue, names, keep, comparison.seeds, tokens) for keep in dict.fromkeys(comparison.keep)
    ]
    return [
        (arm, seed)
        for seed in range(comparison.seeds)
        for arms in shares
        for arm in (*arms[seed], *draws_by_tokens(catalogue, arms[seed], seed, tokens))
    ]


def _run(
    catalogue: Catalogue,
    planned: Sequence[tuple[Arm, int]],
    training: Training,
    problems: Sequence[Problem],
    on_cost: Callable[[str], None],
    report: Reporter,
) -> list[Trial]:
    """Run what is not yet there, and say on the way how long it takes."""
    paths = [trial_path(catalogue.project, arm, seed, training, problems) for arm, seed in planned]
    there = [read_trial(path, arm) for path, (arm, _) in zip(paths, planned, strict=True)]
    done = {path: trial for path, trial in zip(paths, there, strict=True) if trial}
    missing = [one for path, one in zip(paths, planned, strict=True) if path not in done]
    time = time_of(len(missing), done.values())
    on_cost(
        f"{_many(len(planned), 'training')} ({_parts(planned)}) of {training.steps:,} optimiser steps each, measured on "
        f"{len(problems):,} problems; {len(done)} are there, {len(missing)} to do{f', in {time}' if time else ''}."
    )
    for number, (arm, seed) in enumerate(missing, 1):
        stage = f"{number}/{len(missing)} {arm.name}, seed {seed}"
        path = trial_path(catalogue.project, arm, seed, training, problems)
        done[path] = run_trial(catalogue, arm, seed, training, problems, report=report, stage=stage)
        if left := len(missing) - number:
            on_cost(f"{number} of {len(missing)} trainings done; {time_of(left, done.values())} left.")
    return [
        replace(done[path], keep=arm.keep, tokens=arm.tokens)
        for path, (arm, _) in zip(paths, planned, strict=True)
    ]


def _parts(planned: Sequence[tuple[Arm, int]]) -> str:
    """What a number of trainings is made of."""
    draws = sum(arm.name == RANDOM_BY_TOKENS for arm, _ in planned)
    names = {arm.name for arm, _ in planned} - {RANDOM_BY_TOKENS}
    shares, seeds = {arm.keep for arm, _ in planned}, {seed for _, seed in planned}
    parts = [_many(len(names), "recipe"), _many(len(shares), "share"), _many(len(seeds), "seed")]
    if len(shares) == 1:
        del parts[1]
    if draws:
        parts.append(f"{_many(draws, 'further draw')} of random at equal tokens")
    return ", ".join(parts)


def _how(
    comparison: Comparison, training: Training, problems: Sequence[Problem], from_group: bool
) -> list[str]:
    where = f"of query group {comparison.group}" if from_group else "given"
    shares = " and on ".join(share(one) for one in dict.fromkeys(comparison.keep))
    kind = "A LoRA adapter of" if comparison.lora else "All weights of"
    return [
        f"{kind} {comparison.model} trained on {shares} of the traces as each recipe selects them, "
        f"decisions applied, with {_many(comparison.seeds, 'seed')}.",
        f"Every training takes {training.steps:,} optimiser steps of {comparison.settings.batch_size} traces, "
        f"as many as {comparison.settings.epochs:g} passes over the whole pool.",
        f"Measured on {len(problems):,} problems {where}; differences are paired by seed, intervals are 95% "
        "t-intervals over seeds.",
    ]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the project's trainings for one process.

    Raises:
        ProjectError: Another one has them.
    """
    with (project.root / "validation" / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectError("Another process validates this project right now; wait for it.") from error
        yield
