"""The models of the study, kept in its working folder: bases, and base models fine-tuned on the whole pool."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.fragility.plan import Plan, Setting
from curation.demo.answers import accuracy, greedy_answers
from curation.demo.build import gold_rows, pool_rows
from curation.demo.make_base import BASE, LAYERS, make_base
from curation.demo.pool import Pool, make_pool
from curation.demo.problems import Problem
from curation.models.train import TrainSettings, train
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.selection.traces import read_traces
from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.ingest import ingest
from curation.store.project import Project, create_project, open_project
from curation.store.publish import write_whole
from curation.store.queries import add_queries
from curation.validation.bank import Bank
from curation.validation.retrains import BankPlan, retrain

GROUP = "gold"
PLAIN: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Studied:
    """The pool that every setting is tried on.

    Attributes:
        plan: What is studied.
        work: Folder of everything.
        project: The pool's traces, and the validation problems' right answers as queries.
        test: Problems on which accuracy is measured.
    """

    plan: Plan
    work: Path
    project: Project
    test: tuple[Problem, ...]

    def base(self, layers: int) -> Path:
        """The base model of a depth: the shipped one, or one that is trained like it."""
        if layers == LAYERS:
            return BASE
        folder = self.work / f"base-{layers}"
        if not folder.exists():
            make_base(folder, steps=self.plan.base_steps, layers=layers)
        return folder

    def settings(self, setting: Setting) -> TrainSettings:
        """How a setting fine-tunes."""
        return replace(self.plan.training, weight_decay=setting.weight_decay)

    def reference(self, setting: Setting, seed: int) -> Path:
        """The setting's base model fine-tuned on the whole pool."""
        folder = self.work / "models" / f"{setting.layers}-{setting.weight_decay:g}-{seed}"
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            catalogue = open_catalogue(self.project)
            traces = read_traces(catalogue, frame_of(catalogue).names)
            catalogue.close()
            how = replace(self.settings(setting), seed=seed)
            train(
                str(self.base(setting.layers)), traces, folder, template="plain", settings=how, device="cpu"
            )
        return folder

    def run(self, setting: Setting, seed: int, engine: Mapping[str, Any] = PLAIN) -> str:
        """The run of the reference model with a seed, with other settings of the engine where they are given."""
        plain = ScoreRequest(
            str(self.reference(setting, seed)),
            scores=("influence", "influence-rank"),
            steps="none",
            dtype="float32",
            device="cpu",
        )
        return score(self.project, replace(plain, **engine)).run_id

    def bank(self, setting: Setting, parts: int, seeds: int) -> Bank:
        """Models retrained on halves of the pool."""
        plan = BankPlan(
            str(self.base(setting.layers)),
            self.settings(setting),
            parts,
            seeds,
            device="cpu",
            equal_steps=False,
        )
        return retrain(self.project, plan)

    def accuracy(self, model: Path) -> float:
        """Share of the test problems that a model answers rightly; kept beside it."""
        kept = self.work / "accuracy" / f"{model.name}.txt"
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            write_whole(kept, str(accuracy(greedy_answers(model, self.test))).encode())
        return float(kept.read_text())


def open_study(plan: Plan, work: Path) -> Studied:
    """Make the pool's project, or take it as it was made before."""
    pool = make_pool(plan.pool, mix=plan.mix, validation=plan.validation, test=plan.test)
    root = work / "project"
    project = (
        open_project(root) if (root / "project.toml").exists() else create_project(root, template="plain")
    )
    _fill(project, work, pool)
    return Studied(plan, work, project, pool.test)


def _fill(project: Project, work: Path, pool: Pool) -> None:
    """Bring traces and queries in; the same rows again change nothing."""
    write_whole(work / "pool.jsonl", pool_rows(pool))
    write_whole(work / "gold.jsonl", gold_rows(pool))
    ingest(project, str(work / "pool.jsonl"))
    add_queries(project, str(work / "gold.jsonl"), group=GROUP)
