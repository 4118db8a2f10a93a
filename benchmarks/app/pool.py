"""A made-up project of any size for timing the app: texts by the real ingest, scores and a map by SQL.

Words are drawn evenly, so that texts compress worse than people's do; a trace is about 2 KB.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from curation.store.database import Connection, literal
from curation.store.ingest import ingest
from curation.store.project import Project, create_project, open_project
from curation.store.publish import publishing
from curation.store.schema import MAP, QUERIES, RUN

SOURCES = 4
STEPS = 6
SIZES = {"query": 8, "dimension": 128, "cluster": 40}
# Score -> how much of it all scores share; the rest is its own.
SCORES = {
    "influence/correct": 0.8,
    "influence/incorrect": -0.5,
    "influence-rank/correct": 0.7,
    "influence-rank/incorrect": -0.4,
    "perplexity": -0.2,
    "nll": -0.2,
    "rsr": 0.3,
    "rds/correct": 0.5,
    "gradient-norm": -0.1,
    "tokens": 0.0,
}
RUN_ID = "a-run"
# In one trace of so many.
NEEDLE, RARE = "quokka", 10_000
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
TOPICS = ("algebra", "geometry", "counting", "probability", "arithmetic")


def make_project(root: Path, traces: int) -> tuple[Project, dict[str, float]]:
    """Make the project; what is there already is not made again.

    Returns:
        It, and the seconds that writing and ingesting its sources took.
    """
    there = (root / "project.toml").exists()
    project = open_project(root) if there else create_project(root, name=f"{traces:,} traces")
    seconds = {"write": 0.0, "ingest": 0.0}
    for number in range(len(project.batches), SOURCES):
        source = root.parent / f"source-{number}.jsonl"
        start = time.perf_counter()
        with source.open("w") as file:
            file.writelines(_lines(number, traces // SOURCES))
        between = time.perf_counter()
        ingest(project, str(source))
        seconds["write"] += between - start
        seconds["ingest"] += time.perf_counter() - between
        source.unlink()
    for made, make in (
        (project.queries, _make_queries),
        (project.runs, _make_run),
        (project.maps, _make_map),
    ):
        if not made:
            make(project)
    return project, seconds


def _lines(number: int, count: int) -> Iterator[str]:
    """Rows of one source: about 12 sentences of about 25 words each, in six paragraphs."""
    random = np.random.default_rng(number)
    words = ["".join(random.choice(_LETTERS, random.integers(2, 11))) for _ in range(5000)]
    sentences = [
        " ".join([words[i] for i in row]) + "."
        for row in random.integers(0, len(words), (20_000, 25)).tolist()
    ]
    for row, drawn in enumerate(random.integers(0, len(sentences), (count, 14)).tolist()):
        chosen = [sentences[i] for i in drawn]
        if row % RARE == 0:
            chosen[3] = f"Then the {NEEDLE} says {row}."
        name = f"{number}-{row}"
        response = "\n\n".join(f"Step {i + 1}: {' '.join(chosen[2 * i : 2 * i + 2])}" for i in range(STEPS))
        fields = {
            "prompt": f"Problem {name}: {chosen[12]} {chosen[13]}",
            "response": f"{response}\n\nThe answer is {row % 997}.",
            "answer": str(row % 997),
            "topic": TOPICS[row % len(TOPICS)],
            "level": row % 5 + 1,
        }
        yield json.dumps(fields) + "\n"


def _attach(connection: Connection, project: Project) -> str:
    """Attach all batches; give a SELECT of all trace ids."""
    selects = []
    for number, path in enumerate(project.batches):
        connection.execute(f"ATTACH {literal(str(path))} AS b{number} (READ_ONLY)")
        selects.append(f"SELECT trace_id FROM b{number}.traces")
    return " UNION ALL ".join(selects)


def _even(salt: str) -> str:
    """SQL of an even number in (0, 1] that a trace's id and a salt make."""
    return f"((hash(trace_id || {salt}) >> 11) + 1)::DOUBLE / {2**53}"


def _normal(salt: str) -> str:
    """SQL of a normal number (Box and Muller, 1958)."""
    first, second = _even(f"{salt} || 'r'"), _even(f"{salt} || 'a'")
    return f"sqrt(-2 * ln({first})) * cos(2 * pi() * {second})"


def _make_queries(project: Project) -> None:
    with publishing(project.root / "queries", QUERIES) as connection:
        connection.execute(
            f"""INSERT INTO queries SELECT 'q' || i, CASE WHEN i % 2 = 0 THEN 'correct' ELSE 'incorrect' END,
                'Problem ' || i, 'Completion ' || i, i % 2 = 0, NULL, '', 'made', i FROM range({SIZES["query"]}) t(i)"""
        )


def _make_run(project: Project) -> None:
    with publishing(project.root / "runs", RUN, RUN_ID) as connection:
        connection.execute("SET memory_limit = '4GB'")
        shared = _normal(literal(""))
        connection.execute(
            f"CREATE TABLE ids AS SELECT trace_id, {shared} AS z FROM ({_attach(connection, project)})"
        )
        for name, share in SCORES.items():
            own = (1 - share**2) ** 0.5
            value = f"{share} * z + {own} * {_normal(literal(name))}"
            value = {"tokens": "round(520 + 90 * ({}))", "perplexity": "exp(1 + 0.3 * ({}))"}.get(
                name, "{}"
            ).format(value)
            error = "0.2" if name.startswith("influence/") else "NULL"
            connection.execute(
                f"INSERT INTO scores SELECT trace_id, {literal(name)}, {value}, {error} FROM ids ORDER BY trace_id"
            )
        for name in ("influence/correct", "influence/incorrect"):
            salt = f"{literal(name)} || s"
            connection.execute(
                f"""INSERT INTO steps SELECT trace_id, s, 300 * s, 300 * (s + 1), {literal(name)}, {_normal(salt)}
                    FROM ids, range({STEPS}) t(s) ORDER BY trace_id, s"""
            )
        connection.execute(
            f"""INSERT INTO query_scores SELECT trace_id, 'q' || s, {_normal("s")} FROM ids, range({SIZES["query"]}) t(s)
                ORDER BY trace_id"""
        )
        coordinates = ", ".join(
            f"(hash(trace_id || {i}) % 2001)::FLOAT / 1000 - 1" for i in range(SIZES["dimension"])
        )
        connection.execute(f"INSERT INTO vectors SELECT trace_id, [{coordinates}] FROM ids ORDER BY trace_id")
        connection.execute(
            """INSERT INTO run SELECT 'a-run', 'made-up/model', '', '', 'float32', 'cpu', '{"steps": "all"}', '', now(), now(),
               '{}', (SELECT sum(value) FROM scores WHERE name = 'tokens'), '{}', '{}'"""
        )
        connection.execute("DROP TABLE ids")
        _detach(connection, project)


def _make_map(project: Project) -> None:
    cluster = f"hash(trace_id || 'c') % {SIZES['cluster']}"
    x, y = (_normal(literal(axis)) for axis in "xy")
    with publishing(project.root / "maps", MAP) as connection:
        connection.execute(
            f"""INSERT INTO map SELECT '{RUN_ID}', trace_id, 20 * cos(c * 2.4) + {x},
                    20 * sin(c * 2.4) + {y}, c
                FROM (SELECT trace_id, {cluster} AS c FROM ({_attach(connection, project)})) ORDER BY trace_id"""
        )
        _detach(connection, project)


def _detach(connection: Connection, project: Project) -> None:
    for number in range(len(project.batches)):
        connection.execute(f"DETACH b{number}")
