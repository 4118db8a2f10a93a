"""The planner: the same stages as the run, memory that holds, and the arithmetic of a model that is not here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from curation.models.linear import LinearModule
from curation.scoring.costs import influence_stages, less_stages, pool_stages
from curation.scoring.influence.cache import fitting_bytes, layer_groups
from curation.scoring.plan import plan_run
from curation.scoring.room import KEPT
from curation.scoring.score import score
from curation.scoring.task import Task
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.scoring.conftest import ask_for

CARD = 80e9


def eight_billion() -> list[LinearModule]:
    """The linear layers of Llama 3 8B, without its weights."""
    shapes = [
        ("q_proj", 4096, 4096, "q_proj"),
        ("k_proj", 4096, 1024, "q_proj"),
        ("v_proj", 4096, 1024, "q_proj"),
        ("o_proj", 4096, 4096, "o_proj"),
        ("gate_proj", 4096, 14336, "gate_proj"),
        ("up_proj", 4096, 14336, "gate_proj"),
        ("down_proj", 14336, 4096, "down_proj"),
    ]
    with torch.device("meta"):
        return [
            LinearModule(f"{n}.{name}", nn.Linear(d_in, d_out), d_in, d_out, False, f"{n}.{shares}")
            for n in range(32)
            for name, d_in, d_out, shares in shapes
        ]


def task_of(modules: list[LinearModule], room: float, **settings: int) -> Task:
    """A pool of 10,000 traces of 1,000 tokens, two groups of 100 queries, in bfloat16."""
    budget, kept = 4096, int(KEPT * 2 * sum(m.d_in + m.d_out for m in modules))
    block = settings.get("block", 0)
    sizes = [max(fitting_bytes(m, 2, block), 4 * 4 * m.size) for m in modules]
    return Task(
        modules=modules,
        groups=layer_groups(modules, sizes, int(room - budget * kept)),
        item=2,
        trace_tokens=10_000_000,
        length=1000,
        factor_tokens=128_000,
        factor_traces=128,
        covariance_tokens=64_000,
        query_tokens=200_000,
        query_groups=2,
        singles=200,
        step_tokens=64_000,
        rank=128,
        block=block,
        budget=budget,
        kept=kept,
        vectors=20_000,
        traces=10_000,
        fitted=False,
    )


def test_eight_billion_parameters_fit_a_card_of_80_gb() -> None:
    modules = eight_billion()
    weights = 2 * (sum(m.size for m in modules) + 2 * 128_256 * 4096)
    assert 15e9 < weights < 17e9
    task = task_of(modules, 0.95 * CARD - weights)
    assert len(task.groups) > 1  # the factors of all layers at once would not
    stages = influence_stages(task) + pool_stages(task, gradients=True, influence=True, projected=False)
    assert {stage.name: stage.memory for stage in stages if weights + stage.memory > CARD} == {}


def test_blocks_make_the_factors_of_wide_layers_smaller() -> None:
    modules = eight_billion()
    whole, blocks = (
        {stage.name: stage for stage in influence_stages(task_of(modules, 60e9, block=block))}
        for block in (0, 4096)
    )
    assert blocks["eigenvalues"].disk < 0.7 * whole["eigenvalues"].disk
    assert blocks["covariances"].half < 0.5 * whole["covariances"].half


def test_a_plan_has_the_stages_of_the_run_and_those_of_a_later_one(
    project: Project, model_folder: Path
) -> None:
    ask = ask_for(model_folder, tolerance=0.1, steps="2")
    planned = plan_run(project, ask)
    run_id = score(project, ask).run_id
    rows = open_catalogue(project).rows("SELECT timings FROM run WHERE run_id = $1", [run_id])
    ran = [name for name in json.loads(rows[0][0]) if name not in ("loading", "publishing")]
    assert [stage.name for stage in planned.stages] == ran
    assert planned.traces == 20
    assert planned.queries == {"gold": 4, "incorrect": 3}
    assert planned.seconds == pytest.approx(sum(stage.seconds for stage in planned.stages))
    assert planned.memory == max(stage.memory for stage in planned.stages)
    later = plan_run(project, ask_for(model_folder, tolerance=0.1, steps="none"))
    assert [stage.name for stage in later.stages] == [
        "query gradients",
        "directions",
        "single queries",
        "scoring",
    ]
    forward = plan_run(project, ask_for(model_folder, scores=("perplexity",)))
    assert [stage.name for stage in forward.stages] == ["scoring"]
    assert forward.seconds < planned.seconds


def test_projected_gradients_cost_time_and_a_checkpoint_a_pass() -> None:
    modules = eight_billion()
    task = replace(task_of(modules, 60e9), queries=200, checkpoints=(False, True), projection=8192)
    plain, projected = (
        pool_stages(task, gradients=True, influence=False, projected=one)[0] for one in (False, True)
    )
    assert projected.passes == plain.passes
    assert projected.half > plain.half
    missing, there = less_stages(task)
    assert (missing.passes, there.passes) == (10_200_000, 200_000)
    assert (missing.disk, there.disk) == (10_000 * 8192 * 2, 0)


def test_the_disk_that_is_planned_is_the_disk_that_is_taken(project: Project, model_folder: Path) -> None:
    ask = ask_for(model_folder, dtype="float32")
    planned = {stage.name: stage.disk for stage in plan_run(project, ask).stages}
    score(project, ask)
    files = (project.root / "factors").rglob("*.safetensors")
    taken = sum(path.stat().st_size for path in files)
    assert planned["eigenvalues"] == pytest.approx(taken, rel=0.15)  # the file has the layers' names, too


def test_a_plan_reads_like_a_table(project: Project, model_folder: Path) -> None:
    said = plan_run(project, ask_for(model_folder)).text()
    assert "20 traces" in said
    assert "gold 4, incorrect 3" in said
    assert [line.split()[0] for line in said.splitlines()[2:-1]][-1] == "in"


def test_segments_are_planned_by_their_points(project: Project, model_folder: Path) -> None:
    bare = plan_run(project, ask_for(model_folder, scores=("grace",)))
    assert [stage.name for stage in bare.stages] == ["scoring"]
    planned = plan_run(project, ask_for(model_folder, scores=("grace", "segments"), segment_points=5))
    assert [stage.name for stage in planned.stages] == ["scoring", "segments"]
    assert planned.passes == pytest.approx(bare.passes + 10)
