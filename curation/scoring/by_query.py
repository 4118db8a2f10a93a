"""What the influence on single queries adds to a run's scores: ranks, standard errors, the even mean, the consensus.

Lists are in the order of the queries, since a sum in the order of threads is not the same to the last bit.
"""

import numpy as np
import pyarrow as pa

from curation.scoring.consensus import consensus
from curation.store.database import Connection, load, table

EVEN, CONSENSUS = "influence-even", "influence-consensus"

# Mean over a group of the ascending rank of a trace's influence on each query, over the number of traces; ties
# share their mean rank. The standard errors are those of a mean over the group's queries.
RANKS = """
    INSERT INTO scores
    SELECT trace_id, 'influence-rank/' || "group", list_avg(ranks), list_stddev_samp(ranks) / sqrt(len(ranks))
    FROM (SELECT trace_id, q."group", list(rank ORDER BY query_id) AS ranks
          FROM (SELECT trace_id, query_id,
                       (rank() OVER (PARTITION BY query_id ORDER BY value)
                        + (count(*) OVER (PARTITION BY query_id, value) - 1) / 2.0)
                       / count(*) OVER (PARTITION BY query_id) AS rank
                FROM query_scores)
          JOIN _queries q USING (query_id) GROUP BY ALL)
"""
STANDARD_ERRORS = """
    UPDATE scores SET standard_error = e.standard_error
    FROM (SELECT trace_id, 'influence/' || q."group" AS name,
                 list_stddev_samp(list(value ORDER BY query_id)) / sqrt(count(*)) AS standard_error
          FROM query_scores JOIN _queries q USING (query_id) GROUP BY ALL) e
    WHERE scores.trace_id = e.trace_id AND scores.name = e.name
"""
# A spread is the 95th percentile of the absolute values over the traces: unlike a sum, it has no order.
EVENLY = f"""
    INSERT INTO scores
    SELECT trace_id, '{EVEN}/' || "group", list_avg(even), list_stddev_samp(even) / sqrt(len(even))
    FROM (SELECT trace_id, q."group", list(value / nullif(spread, 0) ORDER BY query_id) AS even
          FROM query_scores JOIN _queries q USING (query_id)
          JOIN (SELECT query_id, quantile_disc(abs(value), 0.95) AS spread FROM query_scores
                WHERE isfinite(value) GROUP BY query_id) USING (query_id) GROUP BY ALL)
"""
WHOLE = """
    SELECT trace_id, list(value ORDER BY query_id) AS on_queries FROM query_scores JOIN _queries USING (query_id)
    WHERE "group" = $1 AND isfinite(value) GROUP BY trace_id ORDER BY trace_id
"""


def add_scores_by_query(connection: Connection) -> None:
    """Add rank, standard errors, even mean and consensus to the scores of a run that is being written.

    Args:
        connection: To the run; the table _queries says which group a query is in.
    """
    for statement in (RANKS, STANDARD_ERRORS, EVENLY):
        connection.execute(statement)
    for (group,) in connection.execute('SELECT DISTINCT "group" FROM _queries ORDER BY 1').fetchall():
        _add_consensus(connection, group)


def _add_consensus(connection: Connection, group: str) -> None:
    """Add a group's consensus, for the traces that have their influence on all of its queries."""
    found = table(connection, WHOLE, [group])
    on_queries = [np.asarray(row) for row in found["on_queries"].to_numpy()]
    queries = max(map(len, on_queries), default=0)
    whole = [place for place, row in enumerate(on_queries) if len(row) == queries]
    if not whole:
        return
    added = {
        "trace_id": found["trace_id"].take(pa.array(whole)),
        "name": pa.array([f"{CONSENSUS}/{group}"] * len(whole)),
        "value": pa.array(consensus(np.stack([on_queries[place] for place in whole], axis=1))),
    }
    load(connection, "scores", pa.table({**added, "standard_error": pa.nulls(len(whole), pa.float64())}))
