"""What a run would take, before anything is computed: tokens, passes, memory, disk."""

from dataclasses import asdict, dataclass
from typing import Any

import torch

from curation.errors import ScoringError
from curation.models.load import load_model
from curation.scoring.request import ScoreRequest
from curation.scoring.score import prepare
from curation.scoring.slices import cut, read_slice
from curation.scoring.work import Work
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project

TOKENS_FROM = 200  # traces that the number of tokens is estimated on


@dataclass(frozen=True)
class Plan:
    """An estimate. Memory and disk are in bytes.

    Attributes:
        traces: In the pool.
        tokens: Prompt and completion tokens of the pool, extrapolated from some traces.
        queries: Usable ones, by group.
        forward_passes: Over the pool, a backward pass to activations counted as one more.
        model_bytes: The model's weights.
        factor_bytes: The EK-FAC factors, in memory and in the job's folder.
        direction_bytes: The groups' directions and, at their largest, the single queries'.
        query_passes: How many times the pool is gone through for single queries.
    """

    traces: int
    tokens: int
    queries: dict[str, int]
    forward_passes: int
    model_bytes: int
    factor_bytes: int
    direction_bytes: int
    query_passes: int

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)

    def text(self) -> str:
        """For people."""
        groups = ", ".join(f"{name} {count:,}" for name, count in self.queries.items()) or "none"
        memory = self.model_bytes + self.factor_bytes + self.direction_bytes
        return (
            f"{self.traces:,} traces, about {self.tokens:,} tokens; queries: {groups}.\n"
            f"About {self.forward_passes} forward passes over the pool, {self.query_passes} times for single queries.\n"
            f"Memory: model {_gb(self.model_bytes)}, curvature factors {_gb(self.factor_bytes)}, "
            f"directions {_gb(self.direction_bytes)}; together {_gb(memory)} and the activations of a batch.\n"
            f"Disk while it runs: {_gb(self.factor_bytes)}."
        )


def plan_run(project: Project, request: ScoreRequest) -> Plan:
    """Estimate a run from the model's shapes and some of the traces.

    Raises:
        ModelError: The model cannot be loaded, or has nothing to attribute influence to.
        ScoringError: There is no trace, or no query where all that is asked for needs one.
    """
    catalogue = open_catalogue(project)
    try:
        model = load_model(request.model, adapter=request.adapter, dtype=request.dtype, device=request.device)
        return _plan(prepare(catalogue, model, request), catalogue)
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
    tokens = sum(len(one) for one in read.encoded) * sum(size for _, size in pool) // max(1, read.characters)
    single = torch.float64.itemsize if work.model.dtype == torch.float64 else torch.float32.itemsize
    groups = len(work.queries.groups)
    a_query = work.parameters * work.model.dtype.itemsize
    at_once = max(1, int(work.request.direction_gb * 1e9) // max(1, a_query))
    ranked = len(work.queries.queries) if "influence-rank" in work.scores else 0
    rounds = -(-ranked // at_once)
    numbers = sum(
        m.d_out**2 + 2 * m.size + (m.d_in**2 if m.shares_input == m.name else 0) for m in work.modules
    )
    return Plan(
        traces=len(pool),
        tokens=tokens,
        queries=work.queries.sizes,
        forward_passes=1
        + bool(work.modules)
        + 2 * rounds
        + (2 * groups if work.influence and work.request.by_step else 0),
        model_bytes=sum(p.numel() * p.element_size() for p in work.model.module.parameters()),
        factor_bytes=numbers * single if work.influence else 0,
        direction_bytes=max(3 * groups * work.parameters * single, min(at_once, ranked) * a_query)
        if work.influence
        else 0,
        query_passes=rounds,
    )


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
