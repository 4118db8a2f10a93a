"""What a project holds, in numbers: counts, runs, sources, rejected rows."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from curation.store.browse import pointer
from curation.store.catalogue import Catalogue

# The last columns of `runs`, which are JSON texts.
_JSON_PLACES = range(10, 14)


@dataclass(frozen=True)
class Counts:
    """Rows of each kind, and traces by verdict."""

    traces: int
    rejected: int
    duplicates: int
    kept: int
    vetoed: int
    last_decision: int


@dataclass(frozen=True)
class Run:
    """A finished scoring run; coverage, stability, timings and parameters as the run recorded them."""

    run_id: str
    model: str
    adapter: str
    dtype: str
    device: str
    code_version: str
    started: datetime | None
    finished: datetime | None
    tokens: int | None
    unscored: int
    parameters: dict[str, Any]
    timings: dict[str, Any]
    coverage: dict[str, Any]
    stability: dict[str, Any]


def counts(catalogue: Catalogue) -> Counts:
    """Count what is there."""
    row = catalogue.rows(
        """SELECT (SELECT count(*) FROM traces), (SELECT count(*) FROM rejected),
                  (SELECT count(*) FROM duplicates),
                  (SELECT count(*) FROM verdicts WHERE verdict = 'keep'),
                  (SELECT count(*) FROM verdicts WHERE verdict = 'veto'),
                  (SELECT coalesce(max(number), 0) FROM decisions)"""
    )[0]
    return Counts(*row)


def runs(catalogue: Catalogue) -> list[Run]:
    """Every run, newest first."""
    found = catalogue.rows(
        """SELECT run_id, model, coalesce(adapter, ''), dtype, device, coalesce(code_version, ''),
                  started, finished, tokens, (SELECT count(*) FROM unscored u WHERE u.run_id = run.run_id),
                  parameters, timings, coverage, stability
           FROM run ORDER BY finished DESC NULLS LAST, run_id DESC"""
    )
    return [_run(row) for row in found]


def total_tokens(catalogue: Catalogue, run_id: str) -> int | None:
    """Completion tokens of all traces that a run scored; None if it did not count them."""
    found = catalogue.rows("SELECT sum(value) FROM scores WHERE run_id = ? AND name = 'tokens'", [run_id])
    return None if found[0][0] is None else int(found[0][0])


def sources(catalogue: Catalogue) -> list[tuple[str, int]]:
    """Each source and how many traces came from it, largest first."""
    sql = "SELECT source, count(*) AS traces FROM traces GROUP BY source ORDER BY traces DESC, source"
    return [(str(source), int(traces)) for source, traces in catalogue.rows(sql)]


def query_groups(catalogue: Catalogue) -> list[tuple[str, int]]:
    """Each query group and its number of completions, largest first."""
    sql = 'SELECT "group", count(*) AS n FROM queries GROUP BY "group" ORDER BY n DESC, "group"'
    return [(str(group), int(n)) for group, n in catalogue.rows(sql)]


def rejected(catalogue: Catalogue, limit: int, offset: int = 0) -> list[tuple[str, int, str, str]]:
    """Rows that could not be read: source, line, reason, and the first 2,000 characters of the row."""
    sql = "SELECT source, line, reason, left(raw, 2000) FROM rejected ORDER BY source, line LIMIT ? OFFSET ?"
    return [
        (str(source), int(line), str(reason), str(raw))
        for source, line, reason, raw in catalogue.rows(sql, [limit, offset])
    ]


def rejected_reasons(catalogue: Catalogue) -> list[tuple[str, int]]:
    """Each reason for which rows were rejected, most frequent first."""
    sql = "SELECT reason, count(*) AS n FROM rejected GROUP BY reason ORDER BY n DESC, reason LIMIT 50"
    return [(str(reason), int(n)) for reason, n in catalogue.rows(sql)]


def unscored(catalogue: Catalogue, run_id: str) -> list[tuple[str, str]]:
    """The first 200 traces that a run could not score, and why."""
    sql = "SELECT trace_id, reason FROM unscored WHERE run_id = ? ORDER BY trace_id LIMIT 200"
    return [(str(trace_id), str(reason)) for trace_id, reason in catalogue.rows(sql, [run_id])]


def facets(catalogue: Catalogue, most: int = 20) -> dict[str, list[tuple[str, int]]]:
    """Metadata keys that sort traces into a few kinds, with the count of each value.

    Keys are looked for in the first 1,000 traces; one with more than `most` values there is no facet.
    """
    sampled = catalogue.rows("SELECT metadata FROM traces LIMIT 1000")
    values: dict[str, set[str]] = {}
    for (text,) in sampled:
        for key, value in _json(text).items():
            if isinstance(value, str | int | bool) and value != "":
                values.setdefault(key, set()).add(str(value))
    return {key: _values(catalogue, key) for key in sorted(values) if len(values[key]) <= most}


def _values(catalogue: Catalogue, key: str) -> list[tuple[str, int]]:
    sql = """SELECT metadata ->> ? AS value, count(*) AS n FROM traces GROUP BY value
             HAVING value IS NOT NULL AND value <> '' ORDER BY n DESC, value LIMIT 50"""
    return [(str(value), int(n)) for value, n in catalogue.rows(sql, [pointer(key)])]


def _run(row: tuple[Any, ...]) -> Run:
    cells: list[Any] = [_json(cell) if place in _JSON_PLACES else cell for place, cell in enumerate(row)]
    return Run(*cells)


def _json(text: str | None) -> dict[str, Any]:
    """A JSON object; empty where there is none, as in a run of an older version."""
    try:
        loaded = json.loads(text or "{}")
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}
