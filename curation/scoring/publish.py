"""From the shards of a finished job to the run's published file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr

from curation.models.linear import Coverage
from curation.scoring.by_query import add_scores_by_query
from curation.scoring.concepts.activations import add_activation_scores
from curation.scoring.concepts.measure import measured_on
from curation.scoring.influence.directions import Directions
from curation.scoring.job import Job
from curation.scoring.outliers import add_outliers
from curation.scoring.rds import Embedding
from curation.scoring.tuned import tuning_of
from curation.scoring.work import QuerySet, Work
from curation.store.database import Connection, literal, load
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import RUN

# Table -> its columns in the shards, and its order: by trace, since DuckDB knows the smallest and the largest id of each
# row group, so that the reader finds one trace of a million without a scan. Scores get their order at the end.
_GATHERED = {
    "scores": ("trace_id, name, value, NULL", "trace_id"),
    "steps": ("*", "trace_id, name, step"),
    "tokens": ("*", "trace_id, name"),
    "query_scores": ("*", "trace_id, query_id"),
    "vectors": ("*", "trace_id"),
    "unscored": ("*", "trace_id"),
}
# What could not be computed is NULL, by name, and never NaN. What is NULL from the start is not defined for the trace.
NOT_COMPUTED = [
    """CREATE TABLE _broken AS SELECT trace_id, 'not finite: ' || string_agg(name, ', ' ORDER BY name) AS reason
       FROM scores WHERE NOT isfinite(value) GROUP BY trace_id""",
    "UPDATE scores SET value = NULL, standard_error = NULL WHERE NOT isfinite(value)",
    "UPDATE scores SET standard_error = NULL WHERE NOT isfinite(standard_error)",
    "INSERT INTO scores SELECT u.trace_id, n.name, NULL, NULL FROM unscored u, (SELECT DISTINCT name FROM scores) n",
    "INSERT INTO unscored SELECT * FROM _broken WHERE trace_id NOT IN (SELECT trace_id FROM unscored)",
    "DROP TABLE _broken",
    "CREATE TABLE _sorted AS SELECT * FROM scores ORDER BY name, trace_id",
    "DROP TABLE scores",
    "ALTER TABLE _sorted RENAME TO scores",
]


def publish_run(
    project: Project,
    job: Job,
    work: Work,
    *,
    key: str,
    coverage: Coverage | None,
    directions: Directions | None,
    query_vectors: Embedding,
    timings: Mapping[str, float],
    started: datetime,
) -> None:
    """Gather the shards into `runs/<run_id>.duckdb`, add what is known only over the whole pool, publish."""
    with publishing(project.root / "runs", RUN, job.run_id) as connection:
        for table, (columns, order) in _GATHERED.items():
            if shards := job.shards(table):
                files = ", ".join(literal(str(path)) for path in shards)
                connection.execute(
                    f"INSERT INTO {table} SELECT {columns} FROM read_parquet([{files}]) ORDER BY {order}"
                )
        _load_queries(connection, work.queries, query_vectors)
        if "influence-rank" in work.scores:
            add_scores_by_query(connection)
        if "outlier" in work.scores:
            add_outliers(connection, job, work.request.seed)
        add_activation_scores(connection, job, work.scores)
        connection.execute("DROP TABLE _queries")
        for statement in NOT_COMPUTED:
            connection.execute(statement)
        tokens = connection.execute(
            "SELECT coalesce(sum(value), 0) FROM scores WHERE name = 'tokens'"
        ).fetchall()[0][0]
        row = {
            "run_id": job.run_id,
            "model": work.request.model,
            "revision": work.model.revision,
            "adapter": work.request.adapter,
            "dtype": work.request.dtype,
            "device": str(work.model.device),
            "parameters": json.dumps(_parameters(work, key, directions)),
            "code_version": version("curation"),
            "started": started.replace(tzinfo=None),
            "finished": datetime.now(UTC).replace(tzinfo=None),
            "timings": json.dumps({stage: round(seconds, 3) for stage, seconds in timings.items()}),
            "tokens": int(tokens),
            "coverage": json.dumps({**asdict(coverage), "share": coverage.share} if coverage else {}),
            "stability": json.dumps(_stability(job)),
        }
        load(connection, "run", pa.Table.from_pylist([row]))


def _load_queries(connection: Connection, queries: QuerySet, embedding: Embedding) -> None:
    ids = pa.array([query.query_id for query in queries.queries], pa.string())
    groups = pa.array([query.group for query in queries.queries], pa.string())
    connection.execute('CREATE TABLE _queries (query_id VARCHAR, "group" VARCHAR)')
    load(connection, "_queries", pa.table({"query_id": ids, "group": groups}))
    vectors = [
        embedding.vectors[i].cpu().numpy() for i in range(len(queries.queries)) if i in embedding.vectors
    ]
    if vectors:
        column = pa.array(vectors, pa.list_(pa.float32()))
        load(connection, "query_vectors", pa.table({"query_id": ids, "group": groups, "vector": column}))


def _parameters(work: Work, key: str, directions: Directions | None) -> dict[str, Any]:
    return {
        **asdict(work.request),
        "scores": sorted(work.scores),
        "key": key,
        "template": work.catalogue.project.template,
        "files": [name for name in work.catalogue.files if name.startswith(("batches/", "queries/"))],
        "groups": work.queries.sizes,
        "tuning": asdict(tuning_of(work.request)) if {"lossdiff", "irm"} & work.scores else {},
        "queries_left_out": work.queries.left_out,
        "concepts": {one.about.name: asdict(one.about) for one in work.concepts},
        "concepts_measured_on": measured_on(work),
        "low_rank_error": directions.lost if directions else {},
        "ranks": _ranks(directions) if directions else {},
    }


def _ranks(directions: Directions) -> dict[str, float]:
    """How many directions of gradients and of inputs a layer's space has, in the mean."""
    spaces = list(directions.spaces.values())
    sides = {"gradients": [one.u.shape[1] for one in spaces], "inputs": [one.v.shape[1] for one in spaces]}
    return {side: round(sum(widths) / max(1, len(widths)), 1) for side, widths in sides.items()}


def _stability(job: Job) -> dict[str, float | None]:
    """Spearman correlation of each group's influence between the two halves of the factor sample."""
    shards = job.shards("halves")
    if not shards:
        return {}
    halves = pa.concat_tables([pa.parquet.read_table(path) for path in shards])
    names, values = np.array(halves["name"].to_pylist()), halves["value"].to_numpy()
    result: dict[str, float | None] = {}
    for group in sorted({name.partition("/")[2] for name in names}):
        first, second = (values[names == f"{half}/{group}"] for half in (0, 1))
        rho = float(spearmanr(first, second).statistic) if len(first) > 2 else float("nan")
        result[group] = round(rho, 4) if np.isfinite(rho) else None
    return result
