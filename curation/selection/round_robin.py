"""Round-robin over queries: each takes its nearest trace that no query has taken yet."""

import numpy as np
from numpy.typing import NDArray

LOOK_AHEAD = 64
DECIMALS = 6


def cosines(queries: NDArray[np.float32], traces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of each query with each trace, rounded so that equal embeddings tie on any machine.

    Args:
        queries: (queries, d) embeddings of any length.
        traces: (traces, d) embeddings of any length; one of zero length is at 0 from every query.

    Returns:
        (queries, traces).
    """
    rounded: NDArray[np.float32] = np.round(_unit(queries) @ _unit(traces).T, DECIMALS)
    return rounded


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32, copy=False)
    return unit


def round_robin(similarity: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of the traces taken, in the order of taking; ties by index, which is by trace id.

    Args:
        similarity: (queries, traces), traces sorted by id, queries by id.
        count: How many to take at most.
    """
    queries, traces = similarity.shape
    count = min(count, traces) if queries else 0
    preferences = np.empty((queries, traces), dtype=np.int32)
    for query in range(queries):
        preferences[query] = np.argsort(-similarity[query], kind="stable")
    taken = np.zeros(traces, dtype=bool)
    reached = [0] * queries
    picks = np.empty(count, dtype=np.int64)
    for turn in range(count):
        query = turn % queries
        reached[query] = _next_free(preferences[query], taken, reached[query])
        picks[turn] = preferences[query][reached[query]]
        taken[picks[turn]] = True
    return picks


def _next_free(preference: NDArray[np.int32], taken: NDArray[np.bool_], start: int) -> int:
    """First place from `start` on whose trace is not taken; there is one. Looks at many places at a time."""
    while True:
        window = taken[preference[start : start + LOOK_AHEAD]]
        free = int(window.argmin())
        if not window[free]:
            return start + free
        start += len(window)
