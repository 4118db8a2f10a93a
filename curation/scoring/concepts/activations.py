"""The two probes without a gradient: what a trace's activations are along each concept (2602.14869).

`concept-vector` is the base model's activation . v, or the scored model's where no base is known; `concept-projection`
is the scored model's less the base model's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from curation.errors import ScoringError
from curation.models.decoder import decoder_layers
from curation.models.load import LanguageModel, load_model
from curation.scoring.concepts.make import width_of
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.job import Job
from curation.scoring.over_pool import over_pool
from curation.scoring.progress import Reporter
from curation.scoring.shard_tables import activation_table
from curation.scoring.shards import OnBatch
from curation.scoring.slices import Slice
from curation.scoring.work import Work, activation_sheet
from curation.store.database import Connection, literal

VECTOR, PROJECTION = "concept-vector", "concept-projection"


def score_base(job: Job, work: Work, slices: list[list[str]], reporter: Reporter) -> None:
    """One forward pass of the base model over the pool, where there is a base: shards with a table base_activations.

    Raises:
        ScoringError: The base is no model of the same tokens, width and depth.
    """
    with _base(work) as base:

        def compute(part: Slice, budget: int, told: OnBatch) -> dict[str, pa.Table]:
            sheet = activation_sheet(work, len(part.encoded))
            for batch in batches_of(base, part.encoded, budget):
                fused_pass(base, batch, [sheet])
                told(batch.tokens)
            return {"base_activations": activation_table(work, part.trace_ids, sheet)}

        over_pool(job, work, slices, reporter, compute, stage="base")


def add_activation_scores(connection: Connection, job: Job, scores: frozenset[str]) -> None:
    """Add both scores to a run that is being written, from what the passes over the pool kept of either model."""
    scored, base = (_read(job, table) for table in ("activations", "base_activations"))
    if not scored:
        return
    if VECTOR in scores:
        connection.execute(
            f"INSERT INTO scores SELECT trace_id, '{VECTOR}/' || concept, value, NULL FROM {base or scored} ORDER BY trace_id"
        )
    if PROJECTION in scores and base:
        connection.execute(
            f"""INSERT INTO scores SELECT trace_id, '{PROJECTION}/' || concept, s.value - b.value, NULL
                FROM {scored} s JOIN {base} b USING (trace_id, concept) ORDER BY trace_id"""
        )


def _read(job: Job, table: str) -> str:
    """The shards of a table as one, for SQL; "" if there is none."""
    files = ", ".join(literal(str(path)) for path in job.shards(table))
    return f"read_parquet([{files}])" if files else ""


@contextmanager
def _base(work: Work) -> Iterator[LanguageModel]:
    """The base model: the one that is named, or else the scored model without its adapter."""
    request, model = work.request, work.model
    if not request.base:
        with model.module.disable_adapter():  # type: ignore[operator]
            yield model
        return
    base = load_model(request.base, dtype=request.dtype, device=str(model.device))
    same = width_of(base) == width_of(model) and len(decoder_layers(base.module)) == len(
        decoder_layers(model.module)
    )
    if not same or base.tokenizer.get_vocab() != model.tokenizer.get_vocab():
        raise ScoringError(
            f"{request.base} has other tokens, layers or widths than {request.model}, so it is not its base; "
            "name the model that it was fine-tuned from with --base."
        )
    yield base
