"""Influence split by position: what flows through each token's place, for comparison with the split by loss token."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from curation.demo.one_thread import one_thread
from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.models.load import load_model
from curation.scoring.collector import Collector
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.directions import Directions
from curation.scoring.job import discard_job, open_job
from curation.scoring.prepare import prepare
from curation.scoring.progress import Reporter
from curation.scoring.request import ScoreRequest
from curation.scoring.room import room_for
from curation.scoring.shards import sums_by_step
from curation.scoring.slices import cut, read_slice
from curation.scoring.stages import directions_of
from curation.store.catalogue import Catalogue

BUDGET = 2048


@dataclass
class ByPosition(Collector):
    """Collects g_t' Q a_t of every token: a trace's sum is its influence, but g_t carries the losses of later tokens.

    Attributes:
        directions: Of which one is looked at.
        place: Which one.
        tokens: Row -> (T,) its tokens' values, prompt included.
    """

    directions: Directions
    place: int
    tokens: dict[int, Tensor] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Keep v' a_t."""
        space = self.directions.spaces.get(module.name)
        return None if space is None else a @ space.v

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add one module's part to each token."""
        if kept is None:
            return
        space, core = self.directions.spaces[module.name], self.directions.cores[module.name][self.place]
        values = ((g @ space.u) @ core.to(g) * kept).sum(1).double()
        for row, span in zip(batch.order, batch.spans, strict=True):
            part = values[slice(*span)]
            self.tokens[row] = self.tokens[row] + part if row in self.tokens else part


@dataclass(frozen=True, eq=False)
class Split:
    """A trace's influence by position.

    Attributes:
        trace_id: Which trace.
        tokens: (T,) value of each token, prompt included; they add up to the trace's influence.
        steps: (S,) values of the completion's tokens, added up by step.
    """

    trace_id: str
    tokens: NDArray[np.float64]
    steps: NDArray[np.float64]


def by_position(catalogue: Catalogue, request: ScoreRequest, group: str) -> Iterator[Split]:
    """Every trace of a project, split; the request is for a CPU and float32."""
    model = load_model(request.model, device="cpu", dtype="float32")
    work = prepare(catalogue, model, request)
    with open_job(catalogue.project, "by-position", room_for(work)) as job:
        directions, _ = directions_of(work, job, Reporter(job.folder / "progress.json"))
        discard_job(catalogue.project, job.run_id)
    assert directions is not None
    for some in cut(catalogue):
        ids = [trace_id for trace_id, _ in some]
        part = read_slice(catalogue, model, ids, template=catalogue.project.template, max_tokens=0)
        seen = ByPosition(directions, directions.groups.index(group))
        for batch in batches_of(model, part.encoded, BUDGET):
            fused_pass(model, batch, [seen], work.modules)
        for row, values in sorted(seen.tokens.items()):
            tokens = values.numpy()
            own = tokens[part.encoded[row].prompt_length :]
            yield Split(part.trace_ids[row], tokens, sums_by_step(part, row, own))


def worst_by_position(catalogue: Catalogue, model: str, group: str) -> dict[str, int]:
    """Trace id -> its step with the lowest influence on a group by position."""
    request = ScoreRequest(model, scores=("influence",), device="cpu", dtype="float32", steps="none")
    with one_thread():
        return {one.trace_id: int(one.steps.argmin()) for one in by_position(catalogue, request, group)}
