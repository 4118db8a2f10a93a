"""Influence of single queries, for a few traces at a time: the table of all of them is the largest of a run."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue


def query_values(
    catalogue: Catalogue, run_id: str, group: str, trace_ids: Sequence[str]
) -> NDArray[np.float64]:
    """(queries, traces) influence of some traces on each query of a group, queries by id, traces by id.

    Traces that lack one of the queries are left out; (0, 0) if the run kept no single queries.
    """
    table = catalogue.table(
        """WITH wanted AS (SELECT unnest($3::VARCHAR[]) AS trace_id),
                of_group AS (SELECT DISTINCT query_id FROM queries WHERE "group" = $2),
                found AS (SELECT s.trace_id, s.query_id, s.value FROM query_scores s
                          JOIN wanted USING (trace_id) JOIN of_group USING (query_id)
                          WHERE s.run_id = $1 AND isfinite(s.value)),
                whole AS (SELECT trace_id FROM found GROUP BY trace_id
                          HAVING count(*) = (SELECT count(DISTINCT query_id) FROM found))
           SELECT value, count(*) OVER (PARTITION BY trace_id) AS queries FROM found JOIN whole USING (trace_id)
           ORDER BY query_id, trace_id""",
        [run_id, group, list(trace_ids)],
    )
    if not len(table):
        return np.zeros((0, 0))
    values: NDArray[np.float64] = table["value"].to_numpy()
    return values.reshape(int(table["queries"][0].as_py()), -1)
