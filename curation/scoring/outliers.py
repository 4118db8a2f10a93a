"""Traces with unusual gradients (2405.03869): an isolation forest over what is left of them after projection."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.scoring.job import Job
from curation.scoring.vector_columns import vectors_of
from curation.store.database import Connection, load
from curation.store.outliers import FOREST

Floats = NDArray[np.float64]
TREES, OF_EACH = 100, 256  # as in the paper of the forest (Liu, Ting and Zhou, 2008), and in scikit-learn


def add_outliers(connection: Connection, job: Job, seed: int) -> None:
    """Add `outlier-forest` to the scores of a run that is being written, from its shards.

    The score is that of the isolation forest, 2^(-E h(d) / c), between 0 and 1: the higher, the fewer cuts part the
    trace from the others. Where a gradient is not finite it is NaN.

    Args:
        connection: To the run.
        job: Whose shards hold the projected gradients.
        seed: Of the trees.
    """
    shards = job.shards("sketches")
    sample = _sample(shards, seed)
    if not len(sample):
        return
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=TREES, max_samples=min(OF_EACH, len(sample)), random_state=seed)
    forest.fit(sample)
    for path in shards:
        table = pq.read_table(path)
        vectors = vectors_of(table, "sketch").numpy()
        finite = np.isfinite(vectors).all(1)
        values = np.full(len(table), np.nan)
        if finite.any():
            values[finite] = -forest.score_samples(vectors[finite])
        rows = {"trace_id": table["trace_id"], "name": [FOREST] * len(table), "value": values}
        load(connection, "scores", pa.table({**rows, "standard_error": pa.nulls(len(table), pa.float64())}))


def _sample(shards: Sequence[Path], seed: int) -> NDArray[np.float32]:
    """The finite rows of the pool, or as many of them as all trees can look at, drawn by the seed.

    A tree is grown on 256 traces, so of a larger pool no more than 25,600 count, and need to be in memory.
    """
    count = sum(pq.read_metadata(path).num_rows for path in shards)
    drawn = np.random.default_rng(seed).permutation(count)[: TREES * OF_EACH]
    chosen = np.zeros(count, dtype=bool)
    chosen[drawn] = True
    parts, start = [np.zeros((0, 1), np.float32)], 0
    for path in shards:
        vectors = vectors_of(pq.read_table(path), "sketch").numpy()
        rows = chosen[start : start + len(vectors)] & np.isfinite(vectors).all(1)
        start += len(vectors)
        if rows.any():
            parts.append(vectors[rows])
    return np.concatenate(parts[1:] or parts)
