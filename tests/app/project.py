"""A small finished project, made by hand: 60 traces, some of them hostile, and one run with a map."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation.store.database import load
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import BATCH, MAP, QUERIES, RUN
from curation.traces.trace import Trace

RUN_ID = "20260102-030405-tiny"
GROUPS = ("gold", "correct", "incorrect")
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>",
    "![pixel](https://example.com/pixel.png) [click](javascript:alert(1)) https://example.com me@example.com",
    "'; DROP TABLE traces; -- \" OR 1=1",
    ":red[not red] :material/home: :streamlit: :smile: --> <- >= ~= $5 and $6 `code` ```mermaid\ngraph TD```",
    "nul \x00 bell \x07 escape \x1b[31m right-to-left \u202egnirts\u202c",
    "\\href{javascript:alert(1)}{x} $\\href{javascript:alert(1)}{x}$ $$\\rule{999em}{999em}$$",
    "# heading\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n    indented\n\n1. one\n- two\n> three\n\n---\n",
)


def texts(count: int) -> list[Trace]:
    """Traces with sums in four sentences; the last ones are hostile."""
    made = []
    for number in range(count - len(HOSTILE)):
        a, b = 3 + number, 2 + number % 7
        response = (
            f"There are {a} bags with {b} apples each.\n"
            f"So there are \\({a} \\times {b} = {a * b}\\) apples.\n"
            f"One is eaten, which leaves $${a * b} - 1 = {a * b - 1}$$\n#### {a * b - 1}"
        )
        prompt = f"{a} bags hold {b} apples each and one apple is eaten. How many are left?"
        metadata = {"flaw": "wrong step" if number % 9 == 0 else "none", "level": number % 3}
        made.append(
            Trace(
                prompt,
                response,
                str(a * b - 1),
                metadata=metadata,
                source="sums.jsonl",
                source_row=number + 1,
            )
        )
    for number, text in enumerate(HOSTILE):
        made.append(Trace(f"{text} prompt", text, text, "", {"flaw": text}, f"{text[:20]}.jsonl", number + 1))
    return made


def build_project(
    root: Path,
    count: int = 60,
    traces: list[Trace] | None = None,
    more: Mapping[str, np.ndarray] | None = None,
) -> Project:
    """Create, fill and publish; the scores are drawn from a seeded generator. Every second trace has tokens.

    `more` are further scores of all traces, NaN where not computed.
    """
    project = create_project(root, name="Sums <b>& more</b>")
    traces = traces or texts(count)
    ids = [trace.trace_id for trace in traces]
    with publishing(root / "batches", BATCH) as connection:
        rows = [
            (
                t.trace_id,
                t.prompt,
                t.response,
                t.answer,
                t.system,
                json.dumps(t.metadata),
                t.source,
                t.source_row,
            )
            for t in traces
        ]
        names = ["trace_id", "prompt", "response", "answer", "system", "metadata", "source", "source_row"]
        load(
            connection, "traces", pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
        )
        connection.execute("INSERT INTO duplicates VALUES (?, 'sums.jsonl', 900)", [ids[0]])
        connection.execute(
            "INSERT INTO rejected VALUES ('sums.jsonl', 17, 'The line is no JSON', ?)", [HOSTILE[0]]
        )
    with publishing(root / "queries", QUERIES) as connection:
        for group in GROUPS:
            for number in range(5):
                connection.execute(
                    """INSERT INTO queries BY NAME SELECT ? AS query_id, ? AS "group", ? AS is_correct,
                       '2 + 2?' AS prompt, '4' AS completion, 'queries.jsonl' AS source""",
                    [f"query-{group}-{number}", group, group != "incorrect"],
                )
    _publish_run(project, traces, more or {})
    return project


def _publish_run(project: Project, traces: list[Trace], more: Mapping[str, np.ndarray]) -> None:
    random = np.random.default_rng(0)
    ids = [trace.trace_id for trace in traces]
    count = len(ids)
    scores: list[pa.Table] = []
    steps: list[dict[str, Any]] = []
    for group in GROUPS:
        sums = np.zeros(count)
        for place, trace in enumerate(traces):
            for step, (start, stop) in enumerate(lines_of(trace.response)):
                value = float(random.normal(0.2 if group != "incorrect" else -0.1, 1.0))
                sums[place] += value
                steps.append(
                    {
                        "trace_id": ids[place],
                        "step": step,
                        "start": start,
                        "stop": stop,
                        "name": f"influence/{group}",
                        "value": value,
                    }
                )
        scores += [
            _column(ids, f"influence/{group}", sums, random.uniform(0.05, 0.3, count)),
            _column(ids, f"influence-mean/{group}", sums / 40),
            _column(ids, f"influence-rank/{group}", (sums.argsort().argsort() + 1) / count),
        ]
    nll = random.gamma(4.0, 9.0, count)
    scores += [
        _column(ids, "perplexity", np.exp(nll / 40)),
        _column(ids, "nll", nll),
        _column(ids[:-1], "rsr", random.uniform(1, 9, count - 1)),
        _column(ids, "tokens", np.array([len(t.response.split()) for t in traces], float)),
        _column(ids, "steps", np.array([len(lines_of(t.response)) for t in traces], float)),
        *(_column(ids, name, values) for name, values in more.items()),
    ]
    vectors = random.normal(size=(count, 4)).astype(np.float32)
    started = datetime(2026, 1, 2, 3, 4, 5)
    with publishing(project.root / "runs", RUN, RUN_ID) as connection:
        row = {
            "run_id": RUN_ID,
            "model": "models/tiny",
            "revision": "",
            "adapter": "",
            "dtype": "float32",
            "device": "cpu",
            "parameters": json.dumps({"seed": 0, "damping": 0.1}),
            "code_version": "0.1.0",
            "started": started,
            "finished": started + timedelta(seconds=95),
            "timings": json.dumps({"factors": 30.2, "pass": 61.8}),
            "tokens": 4321,
            "coverage": json.dumps(
                {
                    "attributed": 800,
                    "total": 1000,
                    "share": 0.8,
                    "left_out": {"embeddings": 200},
                    "modules": 14,
                }
            ),
            "stability": json.dumps(dict.fromkeys(GROUPS, 0.93)),
        }
        load(connection, "run", pa.table({name: [value] for name, value in row.items()}))
        load(connection, "scores", pa.concat_tables(scores))
        load(connection, "steps", pa.Table.from_pylist(steps))
        load(connection, "tokens", _tokens(traces, steps))
        load(connection, "query_scores", _query_scores(ids, random))
        load(connection, "vectors", pa.table({"trace_id": ids, "vector": vectors.tolist()}))
        connection.execute("INSERT INTO unscored VALUES (?, 'longer than the context')", [ids[-1]])
    with publishing(project.root / "maps", MAP) as connection:
        places = random.normal(size=(2, count))
        table = {"run_id": [RUN_ID] * count, "trace_id": ids, "x": places[0], "y": places[1]}
        load(
            connection,
            "map",
            pa.table({**table, "cluster": pa.array(random.integers(0, 3, count), pa.int32())}),
        )


def _tokens(traces: list[Trace], steps: list[dict[str, Any]]) -> pa.Table:
    """Of every second trace: each character is a token, the last two of a step share out what it is worth."""
    names = [f"influence/{group}" for group in GROUPS]
    rows = {(trace.trace_id, name): np.zeros(len(trace.response)) for trace in traces[1::2] for name in names}
    for step in steps:
        if (values := rows.get((step["trace_id"], step["name"]))) is not None:
            before = max(step["start"], step["stop"] - 2)
            values[before] -= 1.0
            values[step["stop"] - 1] += 1.0 + step["value"]
    columns = {
        "trace_id": [trace_id for trace_id, _ in rows],
        "name": [name for _, name in rows],
        "starts": [list(range(len(values))) for values in rows.values()],
        "token_values": [values.tolist() for values in rows.values()],
    }
    return pa.table(columns)


def _query_scores(ids: list[str], random: np.random.Generator) -> pa.Table:
    """Influence of each trace on each single query."""
    names = [f"query-{group}-{number}" for group in GROUPS for number in range(5)]
    return pa.table(
        {
            "trace_id": [one for one in ids for _ in names],
            "query_id": names * len(ids),
            "value": random.normal(size=len(ids) * len(names)),
        }
    )


def lines_of(text: str) -> list[tuple[int, int]]:
    """Spans of the lines of a text, which cover it."""
    spans, start = [], 0
    for line in text.splitlines(keepends=True) or [""]:
        spans.append((start, start + len(line)))
        start += len(line)
    return spans


def _column(ids: list[str], name: str, values: np.ndarray, error: np.ndarray | None = None) -> pa.Table:
    columns = {"trace_id": ids, "name": [name] * len(ids), "value": pa.array(values, from_pandas=True)}
    missing = pa.nulls(len(ids), pa.float64())
    return pa.table({**columns, "standard_error": missing if error is None else pa.array(error)})
