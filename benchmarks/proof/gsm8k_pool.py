"""Short problems of GSM8K with some solutions spoilt, scored through an adapter trained on all of them."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.proof.spoilt import spoilt
from curation.models.train import TrainSettings, train
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.selection.traces import read_traces
from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.ingest import ingest
from curation.store.project import Project, create_project, open_project
from curation.store.publish import write_whole
from curation.store.queries import add_queries
from curation.traces.trace import Trace
from curation.validation.problems import Problem, read_problems

# Characters of question and solution together, so that hundreds of traces are trained in minutes: a ninth of GSM8K.
SHORT = 300
TRACES, SPOILT, QUERIES, TEST = 300, 75, 48, 96


def build(
    folder: Path, model: str, data: Path, settings: TrainSettings
) -> tuple[Project, str, list[Problem]]:
    """The project, its run with an adapter trained on all traces, and the problems to measure on; or what is there of them."""
    there = (folder / "project.toml").exists()
    project = open_project(folder) if there else create_project(folder, name="GSM8K, a quarter spoilt")
    made = folder / "made"
    made.mkdir(exist_ok=True)
    write_whole(made / "traces.jsonl", _lines(spoilt(_rows(data / "train.jsonl", 0, TRACES), SPOILT)))
    write_whole(made / "queries.jsonl", _lines(_rows(data / "train.jsonl", TRACES, QUERIES)))
    write_whole(made / "test.jsonl", _lines(_rows(data / "test.jsonl", 0, TEST)))
    ingest(project, str(made / "traces.jsonl"))
    add_queries(project, str(made / "queries.jsonl"), group="gold")
    adapter = made / "adapter"
    if not adapter.exists():
        train(model, _texts(project), adapter, template=project.template, settings=settings, lora=True)
    if not project.runs:
        score(project, ScoreRequest(model, adapter=str(adapter), dtype="float32", steps="none"))
    return project, project.runs[0].stem, read_problems(str(made / "test.jsonl"))


def _texts(project: Project) -> list[Trace]:
    catalogue = open_catalogue(project)
    try:
        return read_traces(catalogue, frame_of(catalogue).names)
    finally:
        catalogue.close()


def _rows(path: Path, start: int, count: int) -> list[dict[str, Any]]:
    """So many of the short problems of a file, from one of them on."""
    with path.open(encoding="utf-8") as lines:
        short = (row for row in map(json.loads, lines) if len(row["question"]) + len(row["answer"]) <= SHORT)
        return list(islice(short, start, start + count))


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
