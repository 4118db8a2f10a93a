"""The arithmetic of a run: multiplications, bytes and passes of each stage, from shapes alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.models.linear import LinearModule
from curation.scoring.influence.cache import fitting_bytes
from curation.scoring.influence.queries import MOST, PROBES
from curation.scoring.influence.space import ITERATIONS, SPARE, TERMS, WIDER
from curation.scoring.trace_gradients import AT_ONCE

FEATURE = 2  # bytes of a number that is kept of a gradient
SINGLE = 4  # bytes of what is summed up in float32
PROJECTED = 16  # multiplications that take as long as a number of a gradient that is formed, transformed and projected
SMALL = 2  # products within single traces take so many times as long as large ones


@dataclass(frozen=True)
class Task:
    """What is to be computed, in numbers.

    Attributes:
        modules: The attributed layers.
        groups: How many of them are worked on together, in the order of the layers.
        item: Bytes of an activation.
        trace_tokens: Prompt and completion tokens of the pool.
        length: Of a trace, in the mean.
        factor_tokens: Of the sample for the correction.
        factor_traces: Traces of that sample.
        covariance_tokens: Of the sample for the covariances.
        query_tokens: Of the queries.
        query_groups: K, concepts among them.
        singles: Queries that are directions of their own.
        step_tokens: Of the traces that are split by step.
        rank: Directions a side of a layer; 0 if spaces are whole.
        block: Width of the blocks of wide covariances; 0 if they are whole.
        budget: Tokens a batch.
        kept: Bytes that a pass keeps of each token of a batch.
        vectors: Bytes of a trace's results.
        traces: How many there are.
        fitted: The factors are there from an earlier run.
        queries: V.
        checkpoints: Of the training, that LESS follows; for each, whether the pool's features are there already.
        projection: Numbers that are kept of a gradient.
        concept_tokens: Of the texts that concepts are measured on, once for each concept.
    """

    modules: Sequence[LinearModule]
    groups: Sequence[Sequence[LinearModule]]
    item: int
    trace_tokens: int
    length: float
    factor_tokens: int
    factor_traces: int
    covariance_tokens: int
    query_tokens: int
    query_groups: int
    singles: int
    step_tokens: int
    rank: int
    block: int
    budget: int
    kept: int
    vectors: int
    traces: int
    fitted: bool
    queries: int = 0
    checkpoints: Sequence[bool] = ()
    projection: int = 0
    concept_tokens: int = 0

    @property
    def sides(self) -> int:
        """Width of all layers' inputs and outputs."""
        return sum(m.d_in + m.d_out for m in self.modules)

    @property
    def spaces(self) -> int:
        """Numbers in the projections of all layers."""
        return sum(self._rank(m.d_in) * m.d_in + self._rank(m.d_out) * m.d_out for m in self.modules)

    @property
    def cores(self) -> int:
        """Numbers in one direction."""
        return sum(self._rank(m.d_in) * self._rank(m.d_out) for m in self.modules)

    @property
    def directions(self) -> int:
        """Groups, by all and by either half of the factors, and single queries."""
        return 3 * self.query_groups + self.singles

    @property
    def held(self) -> int:
        """Bytes of spaces and directions."""
        return self.spaces * self.item + self.directions * self.cores * SINGLE

    def _rank(self, width: int) -> int:
        return min(self.rank or width, width)


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
    rounds = len(task.groups)
    activations = task.budget * task.kept
    base_bytes = [sum(_bases(m, task.block) for m in group) * SINGLE for group in task.groups]
    fit_bytes = [sum(fitting_bytes(m, task.item, task.block) for m in group) for group in task.groups]
    squares = sum(width * min(width, task.block or width) for m in task.modules for width in _widths(m))
    size = sum(m.size for m in task.modules)
    k, sides = task.query_groups, task.sides
    stored = (squares + 2 * size) * task.item
    stages = []
    if not task.fitted:
        by_token = task.factor_tokens * (squares + size)
        by_trace = task.factor_tokens * size + task.factor_traces * sum(
            m.size * (m.d_in + m.d_out) for m in task.modules
        )
        largest = max(max(m.d_in, m.d_out) for m in task.modules)
        stages += [
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
                disk=stored,
            ),
        ]
    gradients = [
        sum((k * m.size * SINGLE) + PROBES * (m.d_in + m.d_out) * SINGLE for m in group)
        for group in task.groups
    ]
    rotating = sum(k * m.size * (m.d_in + m.d_out) for m in task.modules)
    looking = sum(PROBES * width**2 for m in task.modules for width in (m.d_in, m.d_out))
    finding = sum(
        (ITERATIONS + 1) * (min(WIDER * task.rank, width) + SPARE) * width**2
        for m in task.modules
        for width in (m.d_in, m.d_out)
    )
    probes = 2 * min(MOST, max(1, PROBES // max(1, task.singles))) * sides if task.singles else 0
    stages.append(
        Stage(
            "query gradients",
            rounds * (task.query_tokens + task.concept_tokens),
            half=task.query_tokens * (size + probes) + task.concept_tokens * size,
            memory=max(gradients) + activations,
        )
    )
    stages.append(
        Stage(
            "directions",
            single=2 * rotating + 2 * looking + finding + 6 * k * task.rank * size,
            memory=max(gradients) + task.held + TERMS * task.spaces * task.item,
        )
    )
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
