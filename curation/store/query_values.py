"""Influence of single queries, for some of the traces: the table of all of them is the largest of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue


@dataclass(frozen=True, eq=False)
class QueryValues:
    """Influence of N traces on Q queries.

    Attributes:
        query_ids: (Q,) ascending.
        trace_ids: (N,) ascending.
        values: (Q, N).
    """

    query_ids: tuple[str, ...]
    trace_ids: tuple[str, ...]
    values: NDArray[np.float64]


def query_values(catalogue: Catalogue, run_id: str, group: str, trace_ids: Sequence[str]) -> QueryValues:
    """Influence of some traces on each query of a group; traces that lack one of the queries are left out."""
    table = catalogue.table(
        """WITH wanted AS (SELECT unnest($3::VARCHAR[]) AS trace_id),
                of_group AS (SELECT DISTINCT query_id FROM queries WHERE "group" = $2),
                found AS (SELECT s.trace_id, s.query_id, s.value FROM query_scores s
                          JOIN wanted USING (trace_id) JOIN of_group USING (query_id)
                          WHERE s.run_id = $1 AND isfinite(s.value)),
                whole AS (SELECT trace_id FROM found GROUP BY trace_id
                          HAVING count(*) = (SELECT count(DISTINCT query_id) FROM found))
           SELECT query_id, trace_id, value FROM found JOIN whole USING (trace_id) ORDER BY query_id, trace_id""",
        [run_id, group, list(trace_ids)],
    )
    queries = tuple(dict.fromkeys(table["query_id"].to_pylist()))
    traces = tuple(dict.fromkeys(table["trace_id"].to_pylist()))
    return QueryValues(queries, traces, table["value"].to_numpy().reshape(len(queries), len(traces)))
