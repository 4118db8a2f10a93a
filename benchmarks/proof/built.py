"""A pool's project: the demo's own, with the answers, the reference models and the runs that the proof compares."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.proof.answers import sample_answers
from benchmarks.proof.plan import CHECKPOINTS, RIVALS, SEEDS, Plan, PoolPlan
from benchmarks.proof.variants import score_with_base
from curation.demo.build import DemoSettings, build_demo
from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.demo.pool import make_pool
from curation.demo.problems import right_response
from curation.models.train import train
from curation.scoring.ensemble import ensemble
from curation.scoring.request import SCORES, ScoreRequest
from curation.scoring.score import score
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.trajectory import trajectory
from curation.selection.traces import selected_traces
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.store.publish import write_whole
from curation.validation.answers import Asking
from curation.validation.problems import Problem
from curation.validation.rollouts import rollouts


@dataclass(frozen=True)
class Built:
    """A pool's project and its runs.

    Attributes:
        project: The demo's.
        run_id: The demo's own run.
        base_run_id: One by the model before fine-tuning.
        wider_run_id: One with the groups of transitions and contrasts, and with the further families of scores.
        trajectory_run_id: One that goes back through the reference model's own training.
        ensemble_run_id: The mean of the wider run and of runs by reference models with other seeds.
        test: Problems on which accuracy is measured.
        model: The reference model's folder.
    """

    project: Project
    run_id: str
    base_run_id: str
    wider_run_id: str
    trajectory_run_id: str
    ensemble_run_id: str
    test: tuple[Problem, ...]
    model: Path


def build(folder: Path, plan: Plan, which: PoolPlan) -> Built:
    """Build a pool's project, or take it as it was built before."""
    settings = DemoSettings(which.seed, which.mix, plan.validation, plan.settings, CHECKPOINTS)
    root = folder / which.name
    project = build_demo(root, settings=settings)
    pool = make_pool(which.seed, mix=which.mix, validation=plan.validation, test=plan.test)
    asked = root / "demo" / "problems.jsonl"
    rows = (
        {"prompt": one.prompt, "response": right_response(one), "answer": one.answer}
        for one in pool.validation
    )
    write_whole(asked, "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    model = root / "demo" / "model"
    catalogue = open_catalogue(project)
    runs = [run for (run,) in catalogue.rows("SELECT run_id FROM run ORDER BY finished")]
    catalogue.close()
    with one_thread():
        if len(runs) < 2:
            rollouts(
                project,
                str(asked),
                model=str(model),
                base=str(BASE),
                asking=Asking(96),
                contrast=True,
                device="cpu",
            )
        sample_answers(project, pool)
        request = ScoreRequest(
            str(model), scores=(*SCORES, *RIVALS), device="cpu", dtype="float32", steps="none"
        )
        wider = score(project, request).run_id
        along = trajectory(
            project, TrajectoryRequest(str(BASE), plan.settings, groups=("gold",), device="cpu")
        ).run_id
        others = [_with_seed(project, root, plan, seed) for seed in SEEDS]
        mean = ensemble(project, [wider, *others]).run_id
    base = score_with_base(project)
    test = tuple(Problem(one.prompt, right_response(one), one.answer) for one in pool.test)
    return Built(project, runs[0], base, wider, along, mean, test, model)


def _with_seed(project: Project, root: Path, plan: Plan, seed: int) -> str:
    """The run of a reference model that differs from the first by the seed of its fine-tuning."""
    model = root / "demo" / f"model-{seed}"
    if not model.exists():
        train(
            str(BASE),
            selected_traces(project, None),
            model,
            template=project.template,
            settings=replace(plan.settings, seed=seed),
            device="cpu",
        )
    scores = ("influence", "influence-rank")
    return score(
        project, ScoreRequest(str(model), scores=scores, device="cpu", dtype="float32", steps="none")
    ).run_id
