"""An ensemble: the mean of runs by several reference models, as a run of its own that every recipe and page can read.

A trace's influence hangs on the accidents of the one training that made the reference model, such as the order in which
traces came. The mean over models that differ by their seed alone keeps what they share (TRAK, 2303.14186, 3.4).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import ScoringError
from curation.scoring.by_query import CONSENSUS, EVEN, add_scores_by_query
from curation.scoring.publish import NOT_COMPUTED
from curation.scoring.scored import Scored, finished_run
from curation.selection.agreement import agreement
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.columns import score_by_trace, score_names
from curation.store.database import Connection, literal, load
from curation.store.overview import ENSEMBLE, Run, find_run
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import RUN

# Made anew of the mean over models of the influence on each query, not taken as a mean of their own.
_BY_QUERY = ("influence-rank", EVEN, CONSENSUS)


@dataclass(frozen=True)
class _Means:
    """How rows of a table belong together in all runs, and what of them is averaged."""

    table: str
    key: str
    more: str = ""

    def sql(self, aliases: Sequence[str]) -> str:
        """The mean of `value`, added up in the order of the runs: a sum in the order of threads has other last bits."""
        first, *others = aliases
        joined = "".join(f" JOIN {alias}.{self.table} AS {alias} USING ({self.key})" for alias in others)
        total = " + ".join(f"{alias}.value" for alias in aliases)
        return (
            f"INSERT INTO {self.table} SELECT {self.key}, ({total}) / {len(aliases)}{self.more} "
            f"FROM {first}.{self.table} AS {first}{joined} "
            f"WHERE trace_id NOT IN (SELECT trace_id FROM unscored) ORDER BY {self.key}"
        )


_TABLES = (
    _Means("scores", "trace_id, name", ", NULL"),
    _Means("steps", "trace_id, step, start, stop, name"),
    _Means("query_scores", "trace_id, query_id"),
)


def ensemble(project: Project, run_ids: Sequence[str]) -> Scored:
    """Publish the mean of runs as a run.

    It has the scores that all of them have; ranks and consensus are those of the mean influence on each query.
    Embeddings are the first run's. A trace that one of them could not score has no score.

    Args:
        project: The project.
        run_ids: Two or more runs over the same traces and queries; their order decides nothing but the last bits.

    Raises:
        ProjectError: A run is not there.
        ScoringError: There are fewer than two, or they cannot be put together.
    """
    started = datetime.now(UTC)
    catalogue = open_catalogue(project)
    try:
        members = [find_run(catalogue, run_id) for run_id in dict.fromkeys(run_ids)]
        _refuse_what_does_not_fit(members)
        key = _key(members)
        if run_id := finished_run(catalogue, key):
            return Scored(run_id, already_there=True)
        run_id = f"{started:%Y%m%d-%H%M%S}-{key[:6]}"
        agreed = _agreement(catalogue, members)
        with publishing(project.root / "runs", RUN, run_id) as connection:
            _fill(connection, catalogue, members)
            load(connection, "run", pa.Table.from_pylist([_row(run_id, members, key, agreed, started)]))
        return Scored(run_id, already_there=False, notes=_notes(members, agreed))
    finally:
        catalogue.close()


def _refuse_what_does_not_fit(members: Sequence[Run]) -> None:
    if len(members) < 2:
        raise ScoringError(
            "An ensemble takes two runs or more; name each with its id, as `curation status` shows it."
        )
    first = members[0]
    for one in members:
        if len(one.members) > 1:
            raise ScoringError(f"Run {one.run_id} is an ensemble itself; name the runs that it was made of.")
        for what in ("files", "template"):
            if one.parameters.get(what) != first.parameters.get(what):
                raise ScoringError(
                    f"Runs {first.run_id} and {one.run_id} are not about the same traces, queries and template; "
                    "score again with the older one's model."
                )
    if not _families(members):
        raise ScoringError("These runs have no score in common; an ensemble is the mean of the same score.")


def _families(members: Sequence[Run]) -> list[str]:
    """The families of scores that all runs have."""
    return sorted(set.intersection(*(set(one.parameters.get("scores", ())) for one in members)))


def _key(members: Sequence[Run]) -> str:
    content = {ENSEMBLE: sorted(one.run_id for one in members)}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def _fill(connection: Connection, catalogue: Catalogue, members: Sequence[Run]) -> None:
    aliases = [f"member_{number}" for number in range(len(members))]
    for alias, one in zip(aliases, members, strict=True):
        path = catalogue.project.root / "runs" / f"{one.run_id}.duckdb"
        connection.execute(f"ATTACH {literal(str(path))} AS {alias} (READ_ONLY)")
    reasons = " UNION ALL ".join(f"SELECT * FROM {alias}.unscored" for alias in aliases)
    connection.execute(
        f"INSERT INTO unscored SELECT trace_id, min(reason) FROM ({reasons}) GROUP BY 1 ORDER BY 1"
    )
    for means in _TABLES:
        connection.execute(means.sql(aliases))
    for table in ("vectors", "query_vectors"):
        connection.execute(f"INSERT INTO {table} SELECT * FROM {aliases[0]}.{table}")
    for alias in aliases:
        connection.execute(f"DETACH {alias}")
    _add_forms(connection, catalogue)
    for statement in NOT_COMPUTED:
        connection.execute(statement)


def _add_forms(connection: Connection, catalogue: Catalogue) -> None:
    """Ranks, standard errors and consensus, where the runs kept the influence on single queries."""
    if not connection.execute("SELECT count(*) FROM query_scores").fetchall()[0][0]:
        return
    for name in _BY_QUERY:
        connection.execute("DELETE FROM scores WHERE starts_with(name, $1)", [f"{name}/"])
    queries = catalogue.table('SELECT DISTINCT query_id, "group" FROM queries')
    connection.execute('CREATE TABLE _queries (query_id VARCHAR, "group" VARCHAR)')
    load(connection, "_queries", queries)
    add_scores_by_query(connection)
    connection.execute("DROP TABLE _queries")


def _agreement(catalogue: Catalogue, members: Sequence[Run]) -> dict[str, float]:
    """Score -> Spearman's correlation between two of the runs, the mean over all pairs; of the scores by query group."""
    names = set.intersection(*(set(score_names(catalogue, one.run_id)) for one in members))
    found = {}
    for name in sorted(name for name in names if "/" in name and name.partition("/")[0] not in _BY_QUERY):
        columns = [score_by_trace(catalogue, one.run_id, name) for one in members]
        pairs = agreement([one.run_id for one in members], columns).rho[np.triu_indices(len(members), 1)]
        if np.isfinite(pairs).all():
            found[name] = round(float(pairs.mean()), 4)
    return found


def _row(
    run_id: str, members: Sequence[Run], key: str, agreed: dict[str, float], started: datetime
) -> dict[str, Any]:
    first = members[0]
    shared = {
        name: value
        for name, value in first.parameters.items()
        if all(one.parameters.get(name) == value for one in members)
    }
    own = {"key": key, "scores": _families(members), ENSEMBLE: [one.run_id for one in members]}
    return {
        "run_id": run_id,
        "model": f"mean of {len(members)} runs",
        "revision": "",
        "adapter": "",
        "dtype": first.dtype,
        "device": first.device,
        "parameters": json.dumps({**shared, **own, "agreement": agreed}),
        "code_version": version("curation"),
        "started": started.replace(tzinfo=None),
        "finished": datetime.now(UTC).replace(tzinfo=None),
        "timings": json.dumps({}),
        "tokens": first.tokens,
        "coverage": json.dumps(first.coverage),
        "stability": json.dumps({}),
    }


def _notes(members: Sequence[Run], agreed: dict[str, float]) -> list[str]:
    notes = [f"It is the mean of {len(members)} runs."]
    if agreed:
        said = ", ".join(f"{name} {value:+.2f}" for name, value in agreed.items())
        notes.append(f"How far two of them agree (rank correlation): {said}.")
    return notes
