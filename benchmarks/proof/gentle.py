"""`make proof-gentle`: what gentler trainings of the demo's first pool change. Writes benchmarks/results/gentle.json.

    python -m benchmarks.proof.gentle [--work FOLDER] [--output FILE]

The demo's own training, one with a quarter of its learning rate that goes over the pool twice as often, and a smooth one,
with large batches, a long warm-up and a large eps: their accuracy, how far two trainings on one part agree, and how well
what goes back through them predicts trainings on parts: on halves, for as many steps or passes as the pool is trained on,
and on nine tenths. Through the smooth one it is gone back with weights of the data that are drawn, too. All is kept in the
working folder, and a stopped run continues where it was.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
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
from curation.models.train import train
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
from curation.validation.lds import ceiling
from curation.validation.lds_report import LdsReport, lds_report
from curation.validation.measure import measure
from curation.validation.problems import Problem
from curation.validation.retrains import BankPlan, retrain

DEFAULT, GENTLE, SMOOTH = "default", "gentle", "smooth"
TRAININGS = {
    DEFAULT: SETTINGS,
    GENTLE: replace(SETTINGS, learning_rate=SETTINGS.learning_rate / 4, epochs=8),
    SMOOTH: replace(
        SETTINGS, learning_rate=SETTINGS.learning_rate / 2, epochs=16, batch_size=128, warmup=0.3, eps=1e-3
    ),
}


@dataclass(frozen=True)
class Replays:
    """Replays that differ by their seed.

    Attributes:
        of: The training.
        count: How many.
        drawn: With weights of the data that are drawn, and batches twice as large: as a half of the pool is trained on,
            with as many passes and half the steps.
    """

    of: str
    count: int
    drawn: bool = False

    def request(self, seed: int) -> TrajectoryRequest:
        """One of them."""
        settings = TRAININGS[self.of]
        size = settings.batch_size * (2 if self.drawn else 1)
        settings = replace(settings, seed=seed, batch_size=size)
        return TrajectoryRequest(str(BASE), settings, groups=("gold",), drawn=self.drawn, device="cpu")


REPLAYS = {
    DEFAULT: Replays(DEFAULT, 3),
    GENTLE: Replays(GENTLE, 9),
    SMOOTH: Replays(SMOOTH, 2),
    "smooth, weights drawn": Replays(SMOOTH, 12, drawn=True),
}
# Reference models of each training, for influence; trainings for accuracy.
MODELS, ACCURACIES = 3, 4
PARTS, SEEDS = 48, 2
# What is to be predicted: trainings on random parts of the pool.
BANKS: dict[str, tuple[str, dict[str, Any]]] = {
    "default, halves": (DEFAULT, {}),
    "gentle, halves": (GENTLE, {}),
    "gentle, halves at equal passes": (GENTLE, {"equal_steps": False}),
    "gentle, nine tenths": (GENTLE, {"share": 0.9}),
    "smooth, halves at equal passes": (SMOOTH, {"equal_steps": False}),
}
POOL = FULL.pools[0]
FORMS = (
    "metagradient",
    "metagradient-early",
    "metagradient-late",
    "trajectory",
    "trajectory-early",
    "tracin",
    "influence",
)


def prove(folder: Path) -> dict[str, Any]:
    """Train, go back and measure, with one thread."""
    settings = DemoSettings(POOL.seed, POOL.mix, FULL.validation, SETTINGS, CHECKPOINTS)
    project = build_demo(folder / "project", settings=settings)
    with one_thread():
        banks = {
            name: retrain(project, BankPlan(str(BASE), TRAININGS[of], PARTS, SEEDS, device="cpu", **how))
            for name, (of, how) in BANKS.items()
        }
        trainings = {name: _training(folder, project, name) for name in TRAININGS}
        made = {
            name: [trajectory(project, replays.request(seed)).run_id for seed in range(replays.count)]
            for name, replays in REPLAYS.items()
        }
        for name in TRAININGS:
            made[f"{name}, at its end"] = [
                _score(project, _model(folder, project, name, seed)) for seed in range(MODELS)
            ]
        lds = {
            name: {bank: _predicted(project, runs, kept) for bank, kept in banks.items()}
            for name, runs in made.items()
        }
    catalogue = open_catalogue(project)
    try:
        gold = {name for (name,) in catalogue.rows("SELECT query_id FROM queries WHERE \"group\" = 'gold'")}
    finally:
        catalogue.close()
    agree = {
        name: ceiling(bank.log_likelihood[:, :, [one in gold for one in bank.query_ids]])
        for name, bank in banks.items()
    }
    return {"trainings": trainings, "lds": lds, "agree": agree}


def _training(folder: Path, project: Project, name: str) -> dict[str, Any]:
    """A training's settings, and its accuracy with each seed."""
    models = [_model(folder, project, name, seed) for seed in range(ACCURACIES)]
    return {"settings": asdict(TRAININGS[name]), "accuracy": [_accuracy(project, model) for model in models]}


def _predicted(project: Project, runs: Sequence[str], bank: Bank) -> dict[str, Any]:
    """The LDS of runs' scores, of each alone and of their mean."""
    mean = ensemble(project, runs).run_id
    return {
        "one": list(_on_gold(_reports(project, runs, bank))),
        "mean": dict(_on_gold(_reports(project, [mean], bank))),
    }


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


def gentle_tables(found: Mapping[str, Any]) -> str:
    """What the trainings are like, how far trainings on parts repeat, and what predicts them."""
    agree = found["agree"]
    about = [
        [
            name,
            *(
                f"{of['settings'][key]:g}"
                for key in ("learning_rate", "epochs", "batch_size", "warmup", "eps")
            ),
            f"{fmean(of['accuracy']):.3f}",
            " ".join(f"{one:.3f}" for one in of["accuracy"]),
        ]
        for name, of in found["trainings"].items()
    ]
    alone, means = [], []
    for name, by_bank in found["lds"].items():
        for form in FORMS:
            ones = [[lds for kept, (lds, _, _) in by_bank[bank]["one"] if kept == form] for bank in agree]
            if ones[0]:
                start = [name, f"`{form}/gold`", str(len(ones[0]))]
                alone.append([*start, *(f"{min(one):+.2f} to {max(one):+.2f}" for one in ones)])
                means.append([*start, *(interval(by_bank[bank]["mean"][form], 2) for bank in agree)])
    bound = ["two seeds agree at", "", "", *(value(one, 2) for one in agree.values())]
    head = ["made by", "LDS of", "how many", *agree]
    head_about = ["training", "learning rate", "passes", "batch", "warm-up", "eps", "accuracy", "by seed"]
    return "\n\n".join(
        [
            table(head_about, about),
            f"The mean over replays or models:\n\n{table(head, [bound, *means])}",
            f"Each of them alone, lowest and highest:\n\n{table(head, alone)}",
        ]
    )


def main() -> None:
    """Prove, and write what came of it."""
    parser = argparse.ArgumentParser(description="What a gentler training changes")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "gentle")
    parser.add_argument("--output", type=Path, default=RESULTS / "gentle.json")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    about = {"when": now(), "hardware": hardware(1), "versions": versions()}
    found = {**about, "made_of": {"parts": PARTS, "seeds": SEEDS, "test": FULL.test}, **prove(args.work)}
    args.output.write_text(json.dumps(found, indent=1) + "\n")
    print(gentle_tables(found))


if __name__ == "__main__":
    main()
