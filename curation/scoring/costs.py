"""The arithmetic of a run: multiplications, bytes and passes of each stage, from shapes alone."""

from dataclasses import dataclass

from curation.models.linear import LinearModule
from curation.scoring.influence.cache import fitting_bytes
from curation.scoring.influence.queries import MOST, PROBES
from curation.scoring.influence.space import ITERATIONS, SPARE, TERMS, WIDER
from curation.scoring.task import SINGLE, Task
from curation.scoring.trace_gradients import AT_ONCE

FEATURE = 2  # bytes of a number that is kept of a gradient
PROJECTED = 16  # multiplications that take as long as a number of a gradient that is formed, transformed and projected
SMALL = 2  # products within single traces take so many times as long as large ones


@dataclass(frozen=True)
class Stage:
    """What one stage takes.

    Attributes:
        name: As the run's timings have it.
        passes: Tokens that are gone through forward and backward.
        half: Multiplications in the model's precision, beside the passes.
        single: Multiplications in float32.
        cubes: Sum of d^3 over the matrices that are decomposed in float64.
        memory: Bytes at the most, beside the model.
        disk: Bytes that it leaves.
    """

    name: str
    passes: float = 0.0
    half: float = 0.0
    single: float = 0.0
    cubes: float = 0.0
    memory: int = 0
    disk: int = 0


def influence_stages(task: Task) -> list[Stage]:
    """Everything before the pool is scored: factors, unless they are there, and directions."""
    return [*([] if task.fitted else _factor_stages(task)), *_direction_stages(task)]


def _factor_stages(task: Task) -> list[Stage]:
    rounds = len(task.groups)
    activations = task.budget * task.kept
    base_bytes = [sum(_bases(m, task.block) for m in group) * SINGLE for group in task.groups]
    fit_bytes = [sum(fitting_bytes(m, task.item, task.block) for m in group) for group in task.groups]
    squares = sum(_bases(m, task.block) for m in task.modules)
    size = sum(m.size for m in task.modules)
    by_token = task.factor_tokens * (squares + size)
    by_trace = task.factor_tokens * size + task.factor_traces * sum(
        m.size * (m.d_in + m.d_out) for m in task.modules
    )
    largest = max(max(m.d_in, m.d_out) for m in task.modules)
    return [
        Stage(
            "covariances",
            rounds * task.covariance_tokens,
            half=task.covariance_tokens * squares,
            memory=max(base_bytes) + activations,
        ),
        Stage(
            "eigenvectors",
            cubes=sum(float(width) ** 3 for m in task.modules for width in _widths(m)),
            memory=max(base_bytes) + 4 * largest**2 * 8,
        ),
        Stage(
            "eigenvalues",
            rounds * task.factor_tokens,
            half=min(by_token, by_trace),
            single=2 * task.factor_traces * size,
            memory=max(fit_bytes) + activations,
            disk=(squares + 2 * size) * task.item,
        ),
    ]


def _direction_stages(task: Task) -> list[Stage]:
    rounds, k = len(task.groups), task.query_groups
    activations = task.budget * task.kept
    size = sum(m.size for m in task.modules)
    gradients = [
        sum((k * m.size * SINGLE) + PROBES * (m.d_in + m.d_out) * SINGLE for m in group)
        for group in task.groups
    ]
    widths = [width for m in task.modules for width in (m.d_in, m.d_out)]
    rotating = sum(k * m.size * (m.d_in + m.d_out) for m in task.modules)
    looking = sum(PROBES * width**2 for width in widths)
    finding = sum((ITERATIONS + 1) * (min(WIDER * task.rank, width) + SPARE) * width**2 for width in widths)
    probes = 2 * min(MOST, max(1, PROBES // max(1, task.singles))) * task.sides if task.singles else 0
    stages = [
        Stage(
            "query gradients",
            rounds * (task.query_tokens + task.concept_tokens),
            half=task.query_tokens * (size + probes) + task.concept_tokens * size,
            memory=max(gradients) + activations,
        ),
        Stage(
            "directions",
            single=2 * rotating + 2 * looking + finding + 6 * k * task.rank * size,
            memory=max(gradients) + task.held + TERMS * task.spaces * task.item,
        ),
    ]
    if task.singles:
        stages.append(
            Stage(
                "single queries",
                rounds * task.query_tokens,
                half=task.query_tokens * TERMS * task.spaces,
                memory=task.held + TERMS * task.spaces * task.item + activations,
            )
        )
    return stages


def pool_stages(
    task: Task, *, gradients: bool, influence: bool, projected: bool, based: bool = False
) -> list[Stage]:
    """The pass over the pool, that of a base model and, for some traces, over their steps."""
    k = task.query_groups
    half = single = 0.0
    held = 0
    if gradients:
        ghost = SMALL * sum(min(task.length * (m.d_in + m.d_out), m.size) for m in task.modules)
        half += task.trace_tokens * ghost
    if projected:
        half += task.trace_tokens * sum(m.size for m in task.modules)
        single += PROJECTED * task.traces * sum(m.size for m in task.modules)
    if influence:
        half += task.trace_tokens * (task.spaces + task.cores)
        single += task.traces * task.directions * task.cores
        held = task.held
    stages = [
        Stage(
            "scoring",
            task.trace_tokens * (1.0 if gradients else 0.5),
            half=half,
            single=single,
            memory=held + task.budget * task.kept,
            disk=task.traces * task.vectors,
        )
    ]
    if based:
        stages.append(Stage("base", task.trace_tokens / 2, memory=task.budget * task.kept))
    if task.step_tokens:
        # A pass is a forward and a backward; a dual one is a forward and one more for each group.
        stages.append(
            Stage(
                "steps",
                task.step_tokens * (1 + k) / 2,
                half=task.step_tokens * k * task.spaces,
                memory=held + task.budget * task.kept * (1 + k) // 2,
            )
        )
    return stages


def less_stages(task: Task) -> list[Stage]:
    """Gradient features of pool and queries at each checkpoint, its model and moments in memory beside the run's own."""
    size = sum(m.size for m in task.modules)
    stages = []
    for there in task.checkpoints:
        tokens = task.query_tokens + (0 if there else task.trace_tokens)
        sequences = task.queries + (0 if there else task.traces)
        stages.append(
            Stage(
                "less",
                tokens,
                half=tokens * size,
                single=PROJECTED * sequences * size,
                memory=task.budget * task.kept + size * (task.item + 2 * SINGLE) + AT_ONCE * 2 * SINGLE,
                disk=0 if there else task.traces * task.projection * FEATURE,
            )
        )
    return stages


def segment_stage(task: Task, points: int) -> Stage:
    """The integrated gradients of all traces' answers."""
    return Stage("segments", points * task.trace_tokens, memory=task.budget * task.kept)


def _widths(module: LinearModule) -> tuple[int, ...]:
    own = (module.d_in,) if module.shares_input == module.name else ()
    return (*own, module.d_out)


def _bases(module: LinearModule, block: int) -> int:
    return sum(width * min(width, block or width) for width in _widths(module))
