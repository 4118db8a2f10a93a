"""A bank of models retrained on random parts of the pool, and what each of them makes of the queries.

What a score predicts is checked against them. They depend on no score, so they are trained once and serve every score
and every later run.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.errors import ProjectError, ScoringError
from curation.models.load import fingerprint, load_model
from curation.models.train import TrainSettings, train
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.likelihood import Likelihood
from curation.scoring.progress import OnProgress, Reporter
from curation.scoring.work import read_queries
from curation.selection.choose import order_by_lot
from curation.selection.traces import read_traces
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.store.project import Project
from curation.store.publish import write_whole
from curation.validation.bank import Bank
from curation.validation.measure import LIKELIHOOD_BUDGET


@dataclass(frozen=True)
class BankPlan:
    """Which models are in a bank.

    Attributes:
        model: Folder or hub id of the model that is fine-tuned.
        settings: How; its seed is replaced by each training's.
        models: How many parts are drawn.
        seeds: Trainings on each part, with seeds 0, 1, ...
        share: Of the traces that is in a part.
        lora: Train adapters.
        device: Where they are measured.
        shuffled: Whether a training draws the order of its traces by its seed. If not, all parts see the traces of one
            order by lot, another one for each seed: parts then differ in their traces alone.
        equal_steps: Whether a part takes as many optimiser steps as the settings' epochs are over the whole pool, as the
            trials of a validation do. If not, it takes the epochs over itself, and a part of half the pool learns half as long.
    """

    model: str
    settings: TrainSettings
    models: int = 100
    seeds: int = 1
    share: float = 0.5
    lora: bool = False
    device: str = "auto"
    shuffled: bool = True
    equal_steps: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: A number is out of its range.
        """
        if self.models < 2 or self.seeds < 1:
            raise ScoringError("A bank needs at least two models and one seed.")
        if not 0 < self.share < 1:
            raise ScoringError(f"The share is {self.share}; give one above 0 and below 1.")


def retrain(
    project: Project,
    plan: BankPlan,
    *,
    on_cost: Callable[[str], None] = lambda words: None,
    on_progress: OnProgress | None = None,
) -> Bank:
    """Fill a bank, or read it; a killed call continues, and a larger one keeps what a smaller one trained.

    Raises:
        ScoringError: The project has too few traces, or no query.
        ModelError: The model cannot be trained.
        ProjectError: Another process fills a bank of this project.
    """
    catalogue = open_catalogue(project)
    try:
        frame = frame_of(catalogue)
        if len(frame) < 2:
            raise ScoringError("A bank needs at least two traces; bring some in with `curation ingest`.")
        folder = project.root / "validation" / "retrains" / bank_key(catalogue, plan)
        folder.mkdir(parents=True, exist_ok=True)
        report = Reporter(folder / "progress.json", on_progress)
        with _alone(folder):
            parts = [(number, seed) for number in range(plan.models) for seed in range(plan.seeds)]
            missing = [one for one in parts if _read(_path(folder, *one)) is None]
            on_cost(
                f"{len(parts):,} trainings on {plan.share:.0%} of {len(frame):,} traces each; "
                f"{len(parts) - len(missing):,} are there, {len(missing):,} to do."
            )
            report.start("retraining", len(missing))
            for number, seed in missing:
                _train_one(catalogue, plan, number, seed, _path(folder, number, seed))
                report.advance(1)
            report.finish()
        return _gather(catalogue, plan, folder)
    finally:
        catalogue.close()


def part_of(catalogue: Catalogue, number: int, share: float) -> NDArray[np.bool_]:
    """(T,) the traces of a bank's part: drawn by lot, so that it is the same everywhere."""
    frame = frame_of(catalogue)
    inside = np.zeros(len(frame), dtype=bool)
    inside[order_by_lot(number, frame.names)[: max(1, round(share * len(frame)))]] = True
    return inside


def _train_one(catalogue: Catalogue, plan: BankPlan, number: int, seed: int, path: Path) -> None:
    frame, template = frame_of(catalogue), catalogue.project.template
    ids = frame.names_of(np.flatnonzero(part_of(catalogue, number, plan.share)))
    output = path.with_suffix(".model")
    shutil.rmtree(output, ignore_errors=True)
    settings = replace(plan.settings, seed=seed, shuffled=plan.shuffled)
    traces = read_traces(catalogue, ids)
    if not plan.shuffled:
        traces = [traces[place] for place in order_by_lot(seed, ids)]
    steps = settings.steps(len(frame)) if plan.equal_steps else None
    try:
        train(plan.model, traces, output, template=template, settings=settings, lora=plan.lora, steps=steps)
        model = load_model(
            plan.model if plan.lora else str(output),
            adapter=str(output) if plan.lora else "",
            device=plan.device,
        )
        queries = read_queries(catalogue, model)
        likelihood = Likelihood.of(len(queries.encoded), model.device)
        for batch in batches_of(model, queries.encoded, LIKELIHOOD_BUDGET):
            fused_pass(model, batch, [likelihood])
    finally:
        shutil.rmtree(output, ignore_errors=True)
    found = {}
    for place, (query, encoded) in enumerate(zip(queries.queries, queries.encoded, strict=True)):
        losses = likelihood.by_token[place].cpu().numpy()
        weights = np.ones(len(losses)) if encoded.weights is None else np.array(encoded.weights)
        found[query.query_id] = -float(losses @ weights)
    write_whole(path, json.dumps({"number": number, "seed": seed, "log_likelihood": found}).encode())


def _gather(catalogue: Catalogue, plan: BankPlan, folder: Path) -> Bank:
    kept = [
        [_read(_path(folder, number, seed)) or {} for seed in range(plan.seeds)]
        for number in range(plan.models)
    ]
    names = sorted(set.intersection(*(set(one) for row in kept for one in row)))
    if not names:
        raise ScoringError("The project has no query that fits the model; add some with `curation queries`.")
    values = np.array([[[one[name] for name in names] for one in row] for row in kept])
    inside = np.stack([part_of(catalogue, number, plan.share) for number in range(plan.models)])
    return Bank(tuple(names), inside, values)


def bank_key(catalogue: Catalogue, plan: BankPlan) -> str:
    """A hash of all that decides the results, but for how many there are."""
    decides: dict[str, Any] = {
        "revision": fingerprint(Path(plan.model).expanduser()),
        "model": plan.model,
        "settings": {**plan.settings.deciding(), "seed": None, "shuffled": plan.shuffled},
        "lora": plan.lora,
        "share": plan.share,
        "template": catalogue.project.template,
        "traces": hashlib.sha256(frame_of(catalogue).ids.tobytes()).hexdigest(),
        # Banks from before there was a choice took equal epochs, and are still found.
        **({"equal_steps": True} if plan.equal_steps else {}),
        "queries": [one for (one,) in catalogue.rows("SELECT query_id FROM queries ORDER BY query_id")],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]


def _path(folder: Path, number: int, seed: int) -> Path:
    return folder / f"{number}-{seed}.json"


def _read(path: Path) -> dict[str, float] | None:
    """Log-likelihood by query; None if it is not there, or damaged and has to be trained again."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["log_likelihood"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectError("Another process fills this bank right now; wait for it.") from error
        yield
