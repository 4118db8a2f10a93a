"""`make proof-gsm8k`: the proof in small on real problems and a real model. Writes benchmarks/results/gsm8k.json.

    python -m benchmarks.proof.gsm8k --model FOLDER --data FOLDER [--work FOLDER] [--output FILE] [--trainings N]

The first problems of GSM8K with a quarter of the solutions spoilt; an adapter is trained on all of them, scores them,
and then one is trained on what each recipe keeps. Everything is kept in the working folder, and a stopped run
continues where it was.
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import RESULTS
from benchmarks.measure import ROOT, hardware, now, versions
from benchmarks.proof.detection import order_of
from benchmarks.proof.plan import DEFAULT, ORACLE, RANDOM
from benchmarks.proof.spoilt import NONE, spoilt
from curation.demo.report import auc
from curation.models.load import fingerprint
from curation.models.train import LORA, train
from curation.scoring.progress import Reporter
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.selection.choose import order_by_lot
from curation.selection.recipes import Recipe
from curation.selection.traces import read_traces
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.store.ingest import ingest
from curation.store.project import Project, create_project, open_project
from curation.store.publish import write_whole
from curation.store.queries import add_queries
from curation.traces.trace import Trace
from curation.validation.answers import Asking
from curation.validation.arms import Arm, make_arm
from curation.validation.problems import Problem, read_problems
from curation.validation.trials import Training, read_trial, run_trial, trial_path

TRACES, SPOILT, QUERIES, TEST = 160, 40, 48, 64
SETTINGS = replace(LORA, learning_rate=1e-3, epochs=1)
RECIPES = (DEFAULT, "mid-ppl", "rds+")
# Share pruned and seed, in the order in which they are trained: the share that is spoilt first.
TRAININGS = ((0.25, 0), (0.25, 1), (0.5, 0), (0.5, 1))
ASKING = Asking(max_new_tokens=160)


def build(folder: Path, model: str, data: Path) -> tuple[Project, str, list[Problem]]:
    """The project with its run, and the problems on which accuracy is measured; or what is there of them."""
    there = (folder / "project.toml").exists()
    project = open_project(folder) if there else create_project(folder, name="GSM8K, a quarter spoilt")
    made = folder / "made"
    made.mkdir(exist_ok=True)
    write_whole(made / "traces.jsonl", _lines(spoilt(_rows(data / "train.jsonl", 0, TRACES), SPOILT)))
    write_whole(made / "queries.jsonl", _lines(_rows(data / "test.jsonl", 0, QUERIES)))
    write_whole(made / "test.jsonl", _lines(_rows(data / "test.jsonl", QUERIES, TEST)))
    ingest(project, str(made / "traces.jsonl"))
    add_queries(project, str(made / "queries.jsonl"), group="gold")
    adapter = made / "adapter"
    if not adapter.exists():
        train(model, _texts(project), adapter, template=project.template, settings=SETTINGS, lora=True)
    if not project.runs:
        score(project, ScoreRequest(model, adapter=str(adapter), dtype="float32", steps="none"))
    return project, project.runs[0].stem, read_problems(str(made / "test.jsonl"))


def prove(folder: Path, model: str, data: Path, trainings: int) -> dict[str, Any]:
    """Train on every choice, as often as asked for, and put together what came of it."""
    project, run_id, problems = build(folder, model, data)
    (project.root / "validation").mkdir(exist_ok=True)
    training = Training(
        model,
        fingerprint(Path(model)),
        SETTINGS,
        lora=True,
        steps=-(-TRACES // SETTINGS.batch_size),
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
        trained: dict[str, dict[str, list[list[float | None]]]] = {}
        for share, seed in TRAININGS[:trainings]:
            for arm in _arms(catalogue, run_id, kinds, 1 - share, seed):
                found = _trained(catalogue, arm, seed, training, problems)
                trained.setdefault(arm.name, {}).setdefault(f"{share:g}", []).append(found)
                print(share, seed, arm.name, found, flush=True)
        return {"trained": trained, "auc": _detection(catalogue, run_id, kinds)}
    finally:
        catalogue.close()


def _arms(
    catalogue: Catalogue, run_id: str, kinds: NDArray[np.str_], keep: float, seed: int
) -> Iterator[Arm]:
    names = frame_of(catalogue).names
    yield make_arm(catalogue, RANDOM, Recipe(RANDOM, keep=keep, seed=seed))
    lots = order_by_lot(seed, names)
    best = lots[np.argsort(kinds[lots] != NONE, kind="stable")][: round(keep * len(names))]
    yield Arm(ORACLE, None, tuple(sorted(names[place] for place in best)), keep)
    for name in RECIPES:
        yield make_arm(catalogue, name, Recipe(name, run_id=run_id, keep=keep))


def _trained(
    catalogue: Catalogue, arm: Arm, seed: int, training: Training, problems: Sequence[Problem]
) -> list[float | None]:
    """[accuracy, log-likelihood a token] after training on an arm."""
    trial = read_trial(trial_path(catalogue.project, arm, seed, training, problems), arm)
    if trial is None:
        report = Reporter(catalogue.project.root / "validation" / "progress.json")
        trial = run_trial(
            catalogue, arm, seed, training, problems, report=report, stage=f"{arm.name}, seed {seed}"
        )
    return [trial.accuracy, trial.log_likelihood]


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


def _texts(project: Project) -> list[Trace]:
    catalogue = open_catalogue(project)
    try:
        return read_traces(catalogue, frame_of(catalogue).names)
    finally:
        catalogue.close()


def _rows(path: Path, start: int, count: int) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for place, line in enumerate(lines) if start <= place < start + count]


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def main() -> None:
    """Run what is not there yet, and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "proof" / "gsm8k")
    parser.add_argument("--output", type=Path, default=RESULTS / "gsm8k.json")
    parser.add_argument(
        "--trainings", type=int, default=len(TRAININGS), help="so many of the shares and seeds"
    )
    asked = parser.parse_args()
    found = {
        "when": now(),
        "hardware": hardware(os.cpu_count() or 1),
        "versions": versions(),
        "model": Path(asked.model).name,
        "made_of": {"traces": TRACES, "spoilt": SPOILT, "queries": QUERIES, "test": TEST},
        "settings": {"learning_rate": SETTINGS.learning_rate, "passes": SETTINGS.epochs},
        **prove(asked.work, asked.model, asked.data, asked.trainings),
    }
    write_whole(asked.output, f"{json.dumps(found, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
