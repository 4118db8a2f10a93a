"""What a run would take, before anything is computed: time, memory and disk of each stage."""

from dataclasses import asdict, dataclass
from typing import Any

from curation.errors import ScoringError
from curation.models.load import load_model
from curation.scoring.costs import Stage, influence_stages, less_stages, pool_stages, segment_stage
from curation.scoring.features import pool_features
from curation.scoring.influence.fit import ROUND, covariance_sample
from curation.scoring.job import Room
from curation.scoring.memory import resident
from curation.scoring.prepare import prepare, trail_of
from curation.scoring.request import ScoreRequest
from curation.scoring.room import room_for, token_bytes
from curation.scoring.slices import Slice, cut, read_slice
from curation.scoring.speeds import measure_speeds
from curation.scoring.stages import concept_texts, factor_cache, sample_of
from curation.scoring.task import SINGLE, Task
from curation.scoring.tuning_costs import tuning_stages
from curation.scoring.work import Work, needs_gradients, passes
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project

TOKENS_FROM = 200  # traces that the number of tokens is estimated on
SCORE_BYTES = 120  # of a number in the run's tables, with the ids beside it


@dataclass(frozen=True)
class PlannedStage:
    """One stage: its name, seconds, bytes of memory at the most (the model's among them) and bytes on disk."""

    name: str
    seconds: float
    memory: int
    disk: int


@dataclass(frozen=True)
class Plan:
    """An estimate. Memory and disk are in bytes.

    Attributes:
        traces: In the pool.
        tokens: Prompt and completion tokens of the pool, extrapolated from some traces.
        queries: Usable ones, by group.
        token_budget: Tokens a batch.
        layer_groups: In how many groups of layers factors and query gradients are worked on.
        stages: In their order.
        seconds: Of all stages.
        memory: At the highest.
        disk: While it runs; the factors stay for later runs.
        passes: All tokens that go through the model, in forward passes through the pool; a backward counts as much as
            a forward, since it forms no gradients of weights.
    """

    traces: int
    tokens: int
    queries: dict[str, int]
    token_budget: int
    layer_groups: int
    stages: list[PlannedStage]
    seconds: float
    memory: int
    disk: int
    passes: float

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)

    def text(self) -> str:
        """For people."""
        queries = ", ".join(f"{name} {count:,}" for name, count in self.queries.items()) or "none"
        layers = "all layers at once" if self.layer_groups < 2 else f"layers in {self.layer_groups} groups"
        rows = [("stage", "time", "memory", "disk")]
        rows += [(one.name, _time(one.seconds), _gb(one.memory), _gb(one.disk)) for one in self.stages]
        rows.append(("in all", _time(self.seconds), _gb(self.memory), _gb(self.disk)))
        table = "\n".join(f"{a:<16}{b:>12}{c:>12}{d:>12}" for a, b, c, d in rows)
        return (
            f"{self.traces:,} traces, about {self.tokens:,} tokens; queries: {queries}.\n"
            f"Batches of {self.token_budget:,} tokens, {layers}; {self.passes:.1f} forward passes through the pool.\n{table}\n"
            f"The factors' sample is taken to be stable after {ROUND} traces; it grows until it is."
        )


def plan_run(project: Project, request: ScoreRequest) -> Plan:
    """Estimate a run from the model's shapes, some of the traces, and a few seconds of trying.

    Raises:
        ModelError: The model cannot be loaded, or has nothing to attribute influence to.
        ScoringError: There is no trace, or no query where all that is asked for needs one.
    """
    catalogue = open_catalogue(project)
    try:
        model = load_model(request.model, adapter=request.adapter, dtype=request.dtype, device=request.device)
        return _plan(prepare(catalogue, model, request, trail_of(request)), catalogue)
    finally:
        catalogue.close()


def _plan(work: Work, catalogue: Catalogue) -> Plan:
    pool = [trace for part in cut(catalogue) for trace in part]
    if not pool:
        raise ScoringError("The project has no traces; bring some in with `curation ingest PROJECT SOURCE`.")
    some = pool[:: max(1, len(pool) // TOKENS_FROM)]
    read = read_slice(
        catalogue,
        work.model,
        [trace_id for trace_id, _ in some],
        template=catalogue.project.template,
        max_tokens=work.request.max_tokens,
    )
    if not read.encoded:
        raise ScoringError(f"No trace can be scored with {work.model.name}: {read.unscored[0][1]}.")
    room = room_for(work)
    groups = work.layer_groups(room.layer_bytes)
    tokens = sum(len(one) for one in read.encoded) * sum(size for _, size in pool) // max(1, read.characters)
    task = _task(work, read, groups, len(pool), tokens, room)
    gradients = needs_gradients(work.scores)
    stages = influence_stages(task) if work.directed else []
    projected = "outlier" in work.scores
    if passes(work.scores):
        stages += pool_stages(
            task, gradients=gradients, influence=work.directed, projected=projected, based=work.based
        )
    stages += less_stages(task)
    stages += [segment_stage(task, work.request.segment_points)] if "segments" in work.scores else []
    if {"lossdiff", "irm"} & work.scores:
        stages += tuning_stages(task, work)
    base = resident(work.model.device)
    speeds = measure_speeds(work.model, work.modules, read.encoded)
    planned = [_planned(stage, speeds.seconds(stage), base) for stage in stages]
    return Plan(
        traces=len(pool),
        tokens=tokens,
        queries=work.queries.sizes,
        token_budget=room.token_budget,
        layer_groups=len(groups),
        stages=planned,
        seconds=sum(stage.seconds for stage in planned),
        memory=max(stage.memory for stage in planned),
        disk=sum(stage.disk for stage in planned),
        passes=2 * sum(stage.passes for stage in stages) / tokens,
    )


def _task(work: Work, read: Slice, groups: list[list[Any]], traces: int, tokens: int, room: Room) -> Task:
    request, k = work.request, work.aims
    length = tokens / traces
    of_concepts = sum(map(len, concept_texts(work))) * len(work.concepts) if "concept" in work.scores else 0
    singles = len(work.queries.queries) if "influence-rank" in work.scores else 0
    ends = 2 * k * int(request.steps) if request.steps.isdecimal() else traces
    split = 0 if request.steps == "none" or not work.directed else min(ends, traces)
    factor_traces = min(request.factor_traces, traces, ROUND if request.stability < 1 else traces)
    sample = [int(length)] * min(request.factor_traces, traces)
    hidden = int(work.model.module.get_input_embeddings().weight.shape[1])  # type: ignore[operator]
    return Task(
        modules=work.modules,
        groups=groups,
        item=work.model.dtype.itemsize,
        trace_tokens=tokens,
        length=length,
        factor_tokens=int(length * factor_traces),
        factor_traces=factor_traces,
        covariance_tokens=int(length * covariance_sample(sample, work.modules, request.covariance_traces)),
        query_tokens=sum(len(one) for one in work.queries.encoded),
        concept_tokens=of_concepts,
        query_groups=k,
        queries=len(work.queries.queries),
        singles=singles,
        step_tokens=int(length * split),
        rank=request.rank if request.tolerance else 0,
        block=request.factor_block,
        budget=room.token_budget,
        kept=token_bytes(work),
        vectors=SINGLE * (hidden + (request.projection if "outlier" in work.scores else 0))
        + SCORE_BYTES * (10 + 5 * k + 2 * len(work.concepts) + singles),
        traces=traces,
        fitted=work.directed and factor_cache(work, groups, sample_of(work)).complete,
        checkpoints=_kept(work, room),
        projection=request.projection,
    )


def _kept(work: Work, room: Room) -> tuple[bool, ...]:
    """For each checkpoint that LESS follows, whether the pool's features are there from an earlier run."""
    if "less" not in work.scores:
        return ()
    slices = [[trace_id for trace_id, _ in one] for one in cut(work.catalogue)]
    return tuple(pool_features(work, checkpoint, slices, room).complete for checkpoint in work.trail)


def _planned(stage: Stage, seconds: float, base: int) -> PlannedStage:
    return PlannedStage(stage.name, seconds, base + stage.memory, stage.disk)


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
