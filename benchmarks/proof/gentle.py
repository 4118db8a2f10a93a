"""`make proof-gentle`: what a gentler training of the demo's first pool changes. Writes benchmarks/results/gentle.json.

    python -m benchmarks.proof.gentle [--work FOLDER] [--output FILE]

The demo's own training, and one with a quarter of its learning rate that goes over the pool twice as often: their accuracy, how far
two trainings on one half agree, and how well what goes back through them predicts trainings on halves. All is kept in
the working folder, and a stopped run continues where it was.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.figures import RESULTS
from benchmarks.markdown import interval, table, value
from benchmarks.measure import ROOT, hardware, now, versions
from benchmarks.proof.plan import CHECKPOINTS, FULL
from curation.demo.build import SETTINGS, DemoSettings, build_demo
from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.demo.pool import make_pool
from curation.demo.problems import right_response
from curation.models.load import load_model
from curation.models.train import TrainSettings, train
from curation.scoring.ensemble import ensemble
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.trajectory import trajectory
from curation.selection.traces import selected_traces
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.validation.answers import Asking
from curation.validation.bank import Bank
from curation.validation.lds_report import LdsReport, lds_report
from curation.validation.measure import measure
from curation.validation.problems import Problem
from curation.validation.retrains import BankPlan, retrain

DEFAULT, GENTLE = "default", "gentle"
TRAININGS = {DEFAULT: SETTINGS, GENTLE: replace(SETTINGS, learning_rate=SETTINGS.learning_rate / 4, epochs=8)}
# Replays of each training, which differ by their seed; reference models of each, for influence.
REPLAYS = {DEFAULT: 3, GENTLE: 9}
MODELS, ACCURACIES = 3, 4
HALVES, SEEDS = 48, 2
POOL = FULL.pools[0]
FORMS = (
    "metagradient",
    "metagradient-early",
    "metagradient-late",
    "trajectory",
    "trajectory-early",
    "trajectory-late",
    "tracin",
    "influence",
)


def prove(folder: Path) -> dict[str, Any]:
    """Train, go back and measure, with one thread."""
    settings = DemoSettings(POOL.seed, POOL.mix, FULL.validation, SETTINGS, CHECKPOINTS)
    project = build_demo(folder / "project", settings=settings)
    found: dict[str, Any] = {}
    with one_thread():
        banks = {
            name: retrain(project, BankPlan(str(BASE), of, HALVES, SEEDS, device="cpu"))
            for name, of in TRAININGS.items()
        }
        for name, of in TRAININGS.items():
            runs = [_replay(project, of, seed) for seed in range(REPLAYS[name])]
            models = [_model(folder, project, name, seed) for seed in range(ACCURACIES)]
            scored = [_score(project, model) for model in models[:MODELS]]
            means = [ensemble(project, runs).run_id, ensemble(project, scored).run_id]
            alone = {against: _reports(project, [*runs, *scored], bank) for against, bank in banks.items()}
            found[name] = {
                "settings": asdict(of),
                "accuracy": [_accuracy(project, model) for model in models],
                "lds": {
                    against: {
                        "one": list(_on_gold(alone[against])),
                        "mean": dict(_on_gold(_reports(project, means, bank))),
                    }
                    for against, bank in banks.items()
                },
                "agree": alone[name][0].ceilings["gold"],
            }
    return found


def _replay(project: Project, settings: TrainSettings, seed: int) -> str:
    request = TrajectoryRequest(str(BASE), replace(settings, seed=seed), groups=("gold",), device="cpu")
    return trajectory(project, request).run_id


def _model(folder: Path, project: Project, name: str, seed: int) -> Path:
    output = folder / f"{name}-{seed}"
    if not output.exists():
        settings = replace(TRAININGS[name], seed=seed)
        train(
            str(BASE),
            selected_traces(project, None),
            output,
            template=project.template,
            settings=settings,
            device="cpu",
        )
    return output


def _score(project: Project, model: Path) -> str:
    request = ScoreRequest(str(model), scores=("influence",), device="cpu", dtype="float32", steps="none")
    return score(project, request).run_id


def _accuracy(project: Project, model: Path) -> float | None:
    pool = make_pool(POOL.seed, mix=POOL.mix, validation=FULL.validation, test=FULL.test)
    test = [Problem(one.prompt, right_response(one), one.answer) for one in pool.test]
    loaded = load_model(str(model), device="cpu")
    return measure(loaded, test, template=project.template, asking=Asking(96)).accuracy


def _reports(project: Project, runs: Sequence[str], bank: Bank) -> list[LdsReport]:
    catalogue = open_catalogue(project)
    try:
        return [lds_report(catalogue, run_id, bank) for run_id in runs]
    finally:
        catalogue.close()


def _on_gold(reports: Sequence[LdsReport]) -> Iterator[tuple[str, list[float]]]:
    """The form of each score on gold, with its LDS of the mean query and the interval's ends."""
    for report in reports:
        for row in report.rows:
            form, _, group = row.score.partition("/")
            if form in FORMS and group == row.group == "gold":
                yield form, [row.lds.mean_query, row.lds.low, row.lds.high]


def gentle_tables(found: dict[str, Any]) -> str:
    """What the trainings are like, and what predicts them."""
    trained = found["trainings"]
    about = [
        [
            name,
            f"{of['settings']['learning_rate']:g}",
            f"{of['settings']['epochs']:g}",
            f"{sum(of['accuracy']) / len(of['accuracy']):.3f}",
            " ".join(f"{one:.3f}" for one in of["accuracy"]),
            value(of["agree"], 2),
        ]
        for name, of in trained.items()
    ]
    rows = []
    for name, of in trained.items():
        for form in FORMS:
            cells = [name, f"`{form}/gold`"]
            for against in trained:
                one = [figures[0] for kept, figures in of["lds"][against]["one"] if kept == form]
                cells += [
                    f"{min(one):+.2f} to {max(one):+.2f}",
                    interval(of["lds"][against]["mean"][form], 2),
                ]
            rows.append([*cells[:2], str(len(one)), *cells[2:]])
    first = ["training", "learning rate", "passes", "accuracy", "by seed", "two seeds on one half agree"]
    second = ["made by", "score", "replays or models"]
    for against in trained:
        second += [f"{against} halves: each alone", "their mean"]
    return f"{table(first, about)}\n\n{table(second, rows)}"


def main() -> None:
    """Prove, and write what came of it."""
    parser = argparse.ArgumentParser(description="What a gentler training changes")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "gentle")
    parser.add_argument("--output", type=Path, default=RESULTS / "gentle.json")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    trainings = prove(args.work)
    about = {"when": now(), "hardware": hardware(1), "versions": versions()}
    made_of = {"halves": HALVES, "seeds": SEEDS, "test": FULL.test}
    args.output.write_text(json.dumps({**about, "made_of": made_of, "trainings": trainings}, indent=1) + "\n")
    print(gentle_tables({"trainings": trainings}))


if __name__ == "__main__":
    main()
