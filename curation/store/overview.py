"""What a project holds, in numbers: counts, runs, sources, rejected rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from curation.errors import ProjectError
from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of
from curation.store.verdicts import KEEP, VETO, verdicts_of

# Of a run that is the mean of others: the parameter with their ids.
ENSEMBLE = "ensemble"
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

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the runs that it is the mean of; its own alone if it is no ensemble."""
        return tuple(self.parameters.get(ENSEMBLE, (self.run_id,)))


def counts(catalogue: Catalogue) -> Counts:
    """Count what is there."""
    traces = len(frame_of(catalogue))
    sizes = catalogue.once(
        "sizes",
        lambda: catalogue.rows("SELECT (SELECT count(*) FROM rejected), (SELECT count(*) FROM duplicates)"),
    )
    verdicts = verdicts_of(catalogue)
    kept, vetoed = (int(np.count_nonzero(verdicts.codes == code)) for code in (KEEP, VETO))
    rejected, duplicates = sizes[0]
    return Counts(traces, rejected, duplicates, kept, vetoed, verdicts.number)


def runs(catalogue: Catalogue) -> list[Run]:
    """Every run, newest first."""
    found = catalogue.rows(
        """SELECT run_id, model, coalesce(adapter, ''), dtype, device, coalesce(code_version, ''),
                  started, finished, tokens, (SELECT count(*) FROM unscored u WHERE u.run_id = run.run_id),
                  parameters, timings, coverage, stability
           FROM run ORDER BY finished DESC NULLS LAST, run_id DESC"""
    )
    return [_run(row) for row in found]


def main_run(found: Sequence[Run]) -> Run | None:
    """Of runs, newest first, the one to open: the newest with influence, or else the newest; None of none."""
    with_influence = (one for one in found if "influence" in one.parameters.get("scores", ()))
    return next(with_influence, found[0] if found else None)


def find_run(catalogue: Catalogue, run_id: str | None) -> Run:
    """A run by its id, or the one to open (see `main_run`).

    Raises:
        ProjectError: It is not there.
    """
    every = runs(catalogue)
    found = main_run(every) if run_id is None else next((one for one in every if run_id == one.run_id), None)
    if found is None:
        raise ProjectError(
            f"There is no run {run_id} here."
            if run_id
            else "There is no run yet; make one with `curation score`."
        )
    return found


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
