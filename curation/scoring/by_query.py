"""What the influence on single queries adds to a run's scores, as SQL over its tables.

A mean over a group hangs on its few queries with the largest gradients, mostly those that the model finds hard; the mean
with every query scaled to its own spread hangs on none. Where one of the two calls a trace harmful, it mostly is.

Lists are in the order of the queries, since a sum in the order of threads is not the same to the last bit.
"""

from curation.store.database import Connection

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
# By group, from estimates of the same thing in the table `estimates`, each in units of its own spread: the lowest where
# one is negative, else the mean.
AGREED = f"""
    INSERT INTO scores
    SELECT trace_id, '{CONSENSUS}/' || "group",
           CASE WHEN list_min(scaled) < 0 THEN list_min(scaled) ELSE list_avg(scaled) END, NULL
    FROM (SELECT trace_id, "group", list(value / nullif(spread, 0) ORDER BY name) AS scaled
          FROM estimates JOIN (SELECT name, quantile_disc(abs(value), 0.95) AS spread FROM estimates GROUP BY name)
          USING (name) GROUP BY ALL)
"""
ESTIMATES = f"""
    CREATE OR REPLACE TEMP VIEW estimates AS
    SELECT trace_id, name, split_part(name, '/', 2) AS "group", value FROM scores
    WHERE isfinite(value) AND (name LIKE 'influence/%' OR name LIKE '{EVEN}/%')
"""


def add_scores_by_query(connection: Connection) -> None:
    """Add rank, standard errors, even mean and consensus to the scores of a run that is being written.

    Args:
        connection: To the run; the table _queries says which group a query is in.
    """
    for statement in (RANKS, STANDARD_ERRORS, EVENLY, ESTIMATES, AGREED):
        connection.execute(statement)
    connection.execute("DROP VIEW estimates")
