"""From the shards of a finished way back to the run's published file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from curation.scoring.job import Job
from curation.scoring.publish import NOT_COMPUTED
from curation.scoring.shard_tables import by_trace
from curation.scoring.trajectory.backwards import EARLY, LATE
from curation.scoring.trajectory.request import TRACIN, TrajectoryRequest
from curation.store.database import load
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import RUN

Floats = NDArray[np.float64]


def columns_of(
    parts: Mapping[str, Floats], groups: tuple[str, ...], forms: tuple[str, ...]
) -> dict[str, Floats]:
    """Score name -> (N,): each form over the whole training and over its halves, which add up; TracIn whole only.

    A half without steps (the early one of a training of one step) is 0 throughout.
    """
    columns = {}
    nothing = np.zeros_like(next(iter(parts.values())))
    for form in forms:
        for group in groups:
            early, late = (parts.get(f"{form}-{half}/{group}", nothing) for half in (EARLY, LATE))
            columns[f"{form}/{group}"] = early + late
            if form != TRACIN:
                columns |= {f"{form}-{EARLY}/{group}": early, f"{form}-{LATE}/{group}": late}
    return columns


def publish_trajectory(
    project: Project,
    job: Job,
    request: TrajectoryRequest,
    *,
    trace_ids: list[str],
    columns: Mapping[str, Floats],
    unscored: list[tuple[str, str]],
    tokens: int,
    parameters: dict[str, Any],
    coverage: dict[str, Any],
    revision: str,
    device: torch.device,
    timings: Mapping[str, float],
    started: datetime,
) -> None:
    """Write `runs/<run_id>.duckdb`: scores, what has none, and the run's own row."""
    with publishing(project.root / "runs", RUN, job.run_id) as connection:
        table = by_trace(trace_ids, {name: torch.from_numpy(values) for name, values in columns.items()})
        nulls = pa.nulls(len(table), pa.float64())
        load(connection, "scores", table.append_column("standard_error", nulls))
        without = {"trace_id": [one for one, _ in unscored], "reason": [why for _, why in unscored]}
        schema = pa.schema({"trace_id": pa.string(), "reason": pa.string()})
        load(connection, "unscored", pa.table(without, schema=schema))
        for statement in NOT_COMPUTED:
            connection.execute(statement)
        row = {
            "run_id": job.run_id,
            "model": request.model,
            "revision": revision,
            "adapter": "",
            "dtype": request.dtype,
            "device": str(device),
            "parameters": json.dumps({**asdict(request), **parameters}),
            "code_version": version("curation"),
            "started": started.replace(tzinfo=None),
            "finished": datetime.now(UTC).replace(tzinfo=None),
            "timings": json.dumps({stage: round(seconds, 3) for stage, seconds in timings.items()}),
            "tokens": tokens,
            "coverage": json.dumps(coverage),
            "stability": json.dumps({}),
        }
        load(connection, "run", pa.Table.from_pylist([row]))
