"""Projects on the demo's problems, which the shipped base model can partly answer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.demo.pool import Mix, make_pool
from curation.demo.problems import right_response
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.store.queries import publish_queries
from curation.traces.query import Query
from tests.projects import add_batch, add_run

POOL = make_pool(5, mix=Mix(traces=60, flawed=4, systematic=6, rare=4, copies=0), validation=12, test=24)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def scored_project(root: Path) -> Project:
    """60 traces with planted flaws, 12 gold queries, and a run in which flawed traces have low influence."""
    project = create_project(root, template="plain")
    traces = {trace.trace_id: trace for trace in POOL.traces}
    ids = add_batch(project, list(traces.values()))
    publish_queries(
        project,
        [Query("gold", one.prompt, right_response(one), True) for one in POOL.validation],
        source="validation",
    )
    right = {one: float(traces[one].metadata["planted"] == "none") for one in ids}
    # Ties go by trace_id; a little slope keeps every score different.
    values = {one: right[one] + place / 1000 for place, one in enumerate(sorted(ids))}
    add_run(project, "run-1", {"influence/gold": values, "perplexity": {one: 2 - right[one] for one in ids}})
    return project


def trace_ids(project: Project) -> list[str]:
    catalogue = open_catalogue(project)
    try:
        return [one for (one,) in catalogue.rows("SELECT trace_id FROM traces ORDER BY 1")]
    finally:
        catalogue.close()
