"""What is near a trace: the queries that it helps and harms most, and the traces that are most like it."""

from dataclasses import dataclass

from curation.store.catalogue import Catalogue

SNIPPET = 600


@dataclass(frozen=True)
class Effect:
    """What learning a trace does to one query.

    Attributes:
        query_id: The query.
        group: Its group.
        prompt: Its problem, cut.
        completion: The completion whose log-likelihood rises or falls, cut.
        value: Influence; positive raises it.
    """

    query_id: str
    group: str
    prompt: str
    completion: str
    value: float


def effects(
    catalogue: Catalogue, run_id: str, trace_id: str, count: int
) -> tuple[list[Effect], list[Effect]]:
    """(helped, harmed): the queries that a trace helps most and harms most, the strongest first, at most `count` of each.

    A query that is in several groups counts once for each of them.
    """
    sql = f"""SELECT s.query_id, q."group", left(q.prompt, {SNIPPET}), left(q.completion, {SNIPPET}), s.value
              FROM query_scores s JOIN queries q USING (query_id)
              WHERE s.run_id = $1 AND s.trace_id = $2 AND isfinite(s.value) AND sign(s.value) = $3
              ORDER BY abs(s.value) DESC, s.query_id LIMIT $4"""
    helped, harmed = (
        [Effect(*row) for row in catalogue.rows(sql, [run_id, trace_id, sign, count])] for sign in (1, -1)
    )
    return helped, harmed


def alike(catalogue: Catalogue, run_id: str, trace_id: str, count: int) -> list[tuple[str, float]]:
    """(trace_id, cosine) of the traces whose embeddings are nearest to one's, the nearest first, without itself.

    Empty if the run has no embedding of it. Reads all embeddings of the run.
    """
    rows = catalogue.rows(
        """WITH one AS (SELECT vector FROM vectors WHERE run_id = $1 AND trace_id = $2 LIMIT 1)
           SELECT v.trace_id, list_cosine_similarity(v.vector, one.vector) AS cosine FROM vectors v, one
           WHERE v.run_id = $1 AND v.trace_id <> $2 AND isfinite(cosine) ORDER BY cosine DESC, v.trace_id LIMIT $3""",
        [run_id, trace_id, count],
    )
    return [(str(other), float(cosine)) for other, cosine in rows]
