"""`make proof-gsm8k`: the proof in small on real problems and a real model. Writes benchmarks/results/gsm8k.json.

    python -m benchmarks.proof.gsm8k --model FOLDER --data FOLDER [--work FOLDER] [--output FILE] [--trainings N]

The first short problems of GSM8K with a quarter of the solutions spoilt; an adapter is trained on all of them, scores
them, and then one is trained on what each recipe keeps. Everything is kept in the working folder, and a stopped run
continues where it was.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import RESULTS
from benchmarks.measure import ROOT, hardware, now, versions
from benchmarks.proof.detection import order_of
from benchmarks.proof.gsm8k_found import Measurement, compared
from benchmarks.proof.gsm8k_pool import QUERIES, SHORT, SPOILT, TEST, TRACES, build
from benchmarks.proof.plan import DEFAULT, ORACLE, RANDOM
from benchmarks.proof.spoilt import NONE
from curation.demo.report import auc
from curation.models.load import fingerprint
from curation.models.train import LORA
from curation.scoring.progress import Reporter
from curation.selection.choose import order_by_lot
from curation.selection.recipes import Recipe
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.store.publish import write_whole
from curation.validation.answers import Asking
from curation.validation.arms import Arm, make_arm
from curation.validation.problems import Problem
from curation.validation.trials import Training, read_trial, run_trial, trial_path

SETTINGS = replace(LORA, learning_rate=1e-3, epochs=1)
RECIPES = (DEFAULT, "mid-ppl", "rds+")
# Share pruned and seed, in the order in which they are trained: the share that is spoilt first.
ROUNDS = ((0.25, 0), (0.25, 1), (0.5, 0), (0.5, 1))
ASKING = Asking(max_new_tokens=128)


def prove(folder: Path, model: str, data: Path) -> Iterator[dict[str, Any]]:
    """Train on every choice, and after each training put together what is known."""
    project, run_id, problems = build(folder, model, data, SETTINGS)
    (project.root / "validation").mkdir(exist_ok=True)
    training = Training(
        model,
        fingerprint(Path(model)),
        SETTINGS,
        lora=True,
        steps=SETTINGS.steps(TRACES),
        asking=ASKING,
    )
    catalogue = open_catalogue(project)
    try:
        kinds = np.array(
            [
                kind
                for (kind,) in catalogue.rows("SELECT metadata ->> 'planted' FROM traces ORDER BY trace_id")
            ]
        )
        detected = _detection(catalogue, run_id, kinds)
        trained: dict[str, dict[str, list[Measurement]]] = {}
        for share, seed in ROUNDS:
            for arm in _arms(catalogue, run_id, kinds, 1 - share, seed):
                found = _trained(catalogue, arm, seed, training, problems)
                trained.setdefault(arm.name, {}).setdefault(f"{share:g}", []).append(found)
                print(share, seed, arm.name, found.trial.accuracy, found.trial.log_likelihood, flush=True)
                yield {**compared(trained), "auc": detected}
    finally:
        catalogue.close()


def _arms(
    catalogue: Catalogue, run_id: str, kinds: NDArray[np.str_], keep: float, seed: int
) -> Iterator[Arm]:
    """What is trained on, what matters most first."""
    names = frame_of(catalogue).names
    yield make_arm(catalogue, RANDOM, Recipe(RANDOM, keep=keep, seed=seed))
    first, *others = (make_arm(catalogue, name, Recipe(name, run_id=run_id, keep=keep)) for name in RECIPES)
    yield first
    lots = order_by_lot(seed, names)
    best = lots[np.argsort(kinds[lots] != NONE, kind="stable")][: round(keep * len(names))]
    yield Arm(ORACLE, None, tuple(sorted(names[place] for place in best)), keep)
    yield from others


def _trained(
    catalogue: Catalogue, arm: Arm, seed: int, training: Training, problems: Sequence[Problem]
) -> Measurement:
    """What came of training on an arm, now or in an earlier call."""
    path = trial_path(catalogue.project, arm, seed, training, problems)
    trial = read_trial(path, arm)
    if trial is None:
        report = Reporter(catalogue.project.root / "validation" / "progress.json")
        trial = run_trial(
            catalogue, arm, seed, training, problems, report=report, stage=f"{arm.name}, seed {seed}"
        )
    measured = json.loads(path.read_text(encoding="utf-8"))["measured"]
    return Measurement(trial, measured["tokens"], measured["of_problems"])


def _detection(
    catalogue: Catalogue, run_id: str, kinds: NDArray[np.str_]
) -> dict[str, dict[str, float | None]]:
    """Ranking -> kind of flaw -> ROC-AUC of the traces with it against those without any."""
    rankings = {name: Recipe(name, run_id=run_id) for name in RECIPES}
    rankings["bottom-ppl"] = Recipe("bottom-ppl", run_id=run_id)
    found = {}
    for name, recipe in rankings.items():
        place = np.empty(len(kinds))
        place[order_of(catalogue, recipe)] = np.arange(len(kinds))
        found[name] = {
            str(kind): auc(place, kinds == kind, kinds == NONE) for kind in sorted(set(kinds) - {NONE})
        }
    return found


def main() -> None:
    """Run what is not there yet, and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "proof" / "gsm8k")
    parser.add_argument("--output", type=Path, default=RESULTS / "gsm8k.json")
    parser.add_argument("--trainings", type=int, help="stop after so many; all if not given")
    asked = parser.parse_args()
    about = {
        "when": now(),
        "hardware": hardware(torch.get_num_threads()),
        "versions": versions(),
        "model": Path(asked.model).name,
        "made_of": {"longest": SHORT, "traces": TRACES, "spoilt": SPOILT, "queries": QUERIES, "test": TEST},
        "settings": {"learning_rate": SETTINGS.learning_rate, "passes": SETTINGS.epochs},
    }
    for found in islice(prove(asked.work, asked.model, asked.data), asked.trainings):
        write_whole(asked.output, f"{json.dumps({**about, **found}, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
