"""Small finished projects for tests, with scores written by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from curation.store.database import load
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import BATCH, QUERIES, RUN
from curation.traces.trace import Trace


def add_batch(project: Project, traces: Sequence[Trace], ids: Sequence[str] | None = None) -> list[str]:
    """Publish traces as one batch, under hand-made ids where given; the ids."""
    trace_ids = list(ids or [trace.trace_id for trace in traces])
    columns = {
        "trace_id": trace_ids,
        **{name: [getattr(t, name) for t in traces] for name in ("prompt", "response", "answer", "system")},
        "metadata": ["{}"] * len(traces),
        "source": [trace.source for trace in traces],
        "source_row": [trace.source_row for trace in traces],
    }
    with publishing(project.root / "batches", BATCH) as connection:
        load(connection, "traces", pa.table(columns))
    return trace_ids


def short_traces(count: int) -> list[Trace]:
    return [
        Trace(f"What is {i} + {i}?", f"{i} + {i} = {2 * i}", str(2 * i), source="sums", source_row=i)
        for i in range(count)
    ]


def project_of(root: Path, ids: Sequence[str]) -> Project:
    """A project whose traces have these ids."""
    project = create_project(root)
    if ids:
        add_batch(project, short_traces(len(ids)), ids)
    return project


def add_queries(project: Project, groups: Mapping[str, int]) -> None:
    """Publish so many queries in each group."""
    names = [(f"{group}-{i}", group) for group, count in groups.items() for i in range(count)]
    ids, of = zip(*names, strict=True)
    with publishing(project.root / "queries", QUERIES) as connection:
        load(
            connection, "queries", pa.table({"query_id": ids, "group": of, "prompt": ids, "completion": ids})
        )


def add_run(
    project: Project,
    run_id: str,
    scores: Mapping[str, Mapping[str, float | None]],
    *,
    vectors: Mapping[str, Sequence[float]] | None = None,
    query_vectors: Mapping[tuple[str, str], Sequence[float]] | None = None,
    unscored: Mapping[str, str] | None = None,
    query_scores: Mapping[str, Mapping[str, float]] | None = None,
    day: int = 1,
) -> None:
    """Publish a run.

    Scores: name -> trace id -> value; query vectors: (group, query id) -> vector; query scores: query id -> trace id -> value.
    """
    with publishing(project.root / "runs", RUN, run_id) as connection:
        finished = datetime(2026, 1, day)
        connection.execute(
            "INSERT INTO run (run_id, model, finished) VALUES (?, 'tiny', ?)", [run_id, finished]
        )
        for name, values in scores.items():
            rows = {"trace_id": list(values), "name": [name] * len(values), "value": list(values.values())}
            load(
                connection,
                "scores",
                pa.table(
                    rows,
                    pa.schema([("trace_id", pa.string()), ("name", pa.string()), ("value", pa.float64())]),
                ),
            )
        for trace_id, vector in (vectors or {}).items():
            connection.execute("INSERT INTO vectors VALUES (?, ?)", [trace_id, list(vector)])
        for (group, query_id), vector in (query_vectors or {}).items():
            connection.execute("INSERT INTO query_vectors VALUES (?, ?, ?)", [query_id, group, list(vector)])
        for query_id, by_trace in (query_scores or {}).items():
            rows = {"trace_id": list(by_trace), "query_id": [query_id] * len(by_trace)}
            load(connection, "query_scores", pa.table({**rows, "value": list(by_trace.values())}))
        for trace_id, reason in (unscored or {}).items():
            connection.execute("INSERT INTO unscored VALUES (?, ?)", [trace_id, reason])
