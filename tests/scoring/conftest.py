"""A small project of arithmetic traces and a tiny random model that knows their words."""

from pathlib import Path

import pyarrow as pa
import pytest

from curation.scoring.request import ScoreRequest
from curation.store.catalogue import open_catalogue
from curation.store.database import load
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import BATCH, QUERIES
from curation.traces.query import Query
from curation.traces.trace import Trace
from tests.tiny import save_tiny

WORDS = "add take give 1 2 3 4 5 6 7 8 9 = + - so the answer is"
TRACES = [
    Trace(f"add {a} {b}", f"{a} + {b}\nso the answer is\n{(a + b) % 9}")
    for a in range(1, 6)
    for b in range(2, 6)
]


def queries() -> list[Query]:
    found = [Query("gold", f"take {a} 1", f"{a} - 1 = {a - 1}") for a in range(2, 6)]
    return [*found, *(Query("incorrect", f"take {a} 2", f"{a} - 2 = {a}") for a in range(3, 6))]


def fill(project: Project, traces: list[Trace], with_queries: bool = True) -> Project:
    rows = [
        {
            "trace_id": t.trace_id,
            "prompt": t.prompt,
            "response": t.response,
            "answer": "",
            "system": "",
            "metadata": "{}",
        }
        for t in traces
    ]
    with publishing(project.root / "batches", BATCH) as connection:
        load(connection, "traces", pa.Table.from_pylist(rows))
    if with_queries:
        rows = [
            {
                "query_id": q.query_id,
                "group": q.group,
                "prompt": q.prompt,
                "completion": q.completion,
                "system": "",
            }
            for q in queries()
        ]
        with publishing(project.root / "queries", QUERIES) as connection:
            load(connection, "queries", pa.Table.from_pylist(rows))
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return fill(create_project(tmp_path / "project"), TRACES)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny", "llama", WORDS)


EXACT = {"dtype": "float64", "factor_traces": 8, "steps": "all", "tolerance": 0.0}


def ask_for(model: Path, **settings: object) -> ScoreRequest:
    return ScoreRequest(str(model), **{**EXACT, **settings})  # type: ignore[arg-type]


def values(project: Project, run_id: str) -> dict[tuple[str, str], float]:
    catalogue = open_catalogue(project)
    found = catalogue.rows("SELECT name, trace_id, value FROM scores WHERE run_id = $1", [run_id])
    catalogue.close()
    return {(name, trace_id): value for name, trace_id, value in found}
