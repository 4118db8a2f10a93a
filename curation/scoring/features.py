"""Gradient features of the pool at one checkpoint, kept in the project: whatever the queries are, they stay the same."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import linear_modules
from curation.models.load import load_model
from curation.models.moments import Checkpoint, Moments
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.job import Job, Room
from curation.scoring.shards import OnBatch
from curation.scoring.sketch import Sketch
from curation.scoring.slices import Slice
from curation.scoring.trace_gradients import TraceGradients
from curation.scoring.vector_columns import vector_column, vectors_of
from curation.scoring.work import Work


@dataclass(frozen=True)
class PoolFeatures:
    """A folder with a shard for each slice of the pool, under a hash of all that decides what is in it.

    Attributes:
        job: The folder as shards are written to it.
        stage: What its shards are called.
        slices: How many there are.
    """

    job: Job
    stage: str
    slices: int

    @property
    def complete(self) -> bool:
        """Whether every slice is there."""
        return all(self.job.has(self._name(number)) for number in range(self.slices))

    def read(self, number: int) -> tuple[list[str], Tensor]:
        """The ids of a slice's P scored traces, and (P, width) float32 features."""
        table = pq.read_table(self.job.folder / self._name(number) / "features.parquet")
        return table["trace_id"].to_pylist(), vectors_of(table, "feature")

    def _name(self, number: int) -> str:
        return f"{self.stage}-{number:06d}"


def pool_features(work: Work, checkpoint: Checkpoint, slices: list[list[str]], room: Room) -> PoolFeatures:
    """Where the pool's features at a checkpoint are, or will be.

    Args:
        work: What is scored.
        checkpoint: Where on the way.
        slices: The ids of each slice's traces.
        room: What a run has to work in.
    """
    request = work.request
    content = {
        "model": [request.model if request.adapter else "", checkpoint.revision, request.dtype],
        "pool": [slices, work.catalogue.project.template, request.max_tokens],
        "layers": [module.name for module in work.modules],
        "sketch": [request.projection, request.seed],
    }
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    folder: Path = work.catalogue.project.root / "features" / key
    return PoolFeatures(Job(key, folder, room), f"less-{checkpoint.step.step}", len(slices))


def at_checkpoint(work: Work, checkpoint: Checkpoint) -> Work:
    """The same work with the model as it was at a checkpoint.

    Raises:
        ModelError: It cannot be loaded.
    """
    request, folder = work.request, str(checkpoint.folder)
    name, adapter = (request.model, folder) if request.adapter else (folder, "")
    model = load_model(name, adapter=adapter, dtype=request.dtype, device=request.device)
    return replace(work, model=model, modules=linear_modules(model, request.modules))


def trace_features(
    work: Work, part: Slice, moments: Moments, token_budget: int, on_batch: OnBatch
) -> dict[str, pa.Table]:
    """What Adam would make of each trace's gradient, projected, of length 1: the table features of one shard."""
    features = projected(work, part.encoded, token_budget, on_batch, moments)
    column = vector_column(normalised(features).half())
    return {"features": pa.table({"trace_id": pa.array(part.trace_ids, pa.string()), "feature": column})}


def projected(
    work: Work,
    encoded: Sequence[Encoded],
    token_budget: int,
    on_batch: OnBatch,
    moments: Moments | None = None,
) -> Tensor:
    """(P, width) projected gradients of sequences, on the CPU; Adam's steps if its moments are given."""
    request, model = work.request, work.model
    sketch = Sketch(request.projection, request.seed)
    gradients = TraceGradients.of(sketch, len(encoded), model.dtype, model.device, moments)
    for batch in batches_of(model, encoded, token_budget):
        fused_pass(model, batch, [gradients], work.modules)
        on_batch(batch.tokens)
    return gradients.projected.cpu()


def normalised(vectors: Tensor) -> Tensor:
    """(P, width) at length 1; NaN where a vector has no direction."""
    unit: Tensor = vectors / vectors.norm(dim=1, keepdim=True)
    return unit
