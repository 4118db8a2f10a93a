"""From the catalogue to what a recipe reads: the scores of one run as arrays aligned with all traces."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from curation.selection.choose import Floats, Pool
from curation.selection.recipes import Recipe, score_names
from curation.selection.resolve import group_sizes
from curation.selection.round_robin import cosines
from curation.store.catalogue import Catalogue
from curation.store.columns import score_by_trace
from curation.store.frame import frame_of

TRACES_AT_ONCE = 100_000


def read_pool(catalogue: Catalogue, recipe: Recipe, column: Callable[[str], Floats] | None = None) -> Pool:
    """All traces, and what a resolved recipe needs of its run.

    Args:
        catalogue: The project.
        recipe: Resolved.
        column: Gives a score of the recipe's run by trace, for who has read it already.
    """
    frame = frame_of(catalogue)
    column = column or (lambda name: score_by_trace(catalogue, recipe.run_id or "", name))
    values = {name: column(name) for name in score_names(recipe)}
    similarity = _similarity(catalogue, recipe, frame.names) if recipe.name == "rds+" else None
    sizes = group_sizes(catalogue, recipe.run_id)
    reasons = catalogue.rows("SELECT trace_id, reason FROM unscored WHERE run_id = ?", [recipe.run_id])
    return Pool(frame.names, values, similarity, sizes, dict(reasons))


def _similarity(catalogue: Catalogue, recipe: Recipe, trace_ids: tuple[str, ...]) -> NDArray[np.float32]:
    """(queries, traces) cosines of the recipe's group, read in slices; NaN where a trace has no embedding."""
    queries = catalogue.table(
        """SELECT query_id, vector FROM query_vectors
           WHERE run_id = ? AND "group" = ? AND vector IS NOT NULL ORDER BY query_id""",
        [recipe.run_id, recipe.group],
    )
    matrix = _matrix(queries.column("vector").to_numpy())
    similarity = np.full((len(matrix), len(trace_ids)), np.nan, dtype=np.float32)
    for start, first, last in _slices(trace_ids):
        found = catalogue.table(
            """SELECT trace_id, any_value(vector) AS vector FROM vectors
               WHERE run_id = ? AND trace_id BETWEEN ? AND ? AND vector IS NOT NULL GROUP BY trace_id""",
            [recipe.run_id, first, last],
        )
        place = {trace_id: start + i for i, trace_id in enumerate(trace_ids[start : start + TRACES_AT_ONCE])}
        rows = [
            (place[trace_id], i)
            for i, trace_id in enumerate(found.column("trace_id").to_pylist())
            if trace_id in place
        ]
        if rows:
            columns, inside = np.array(rows).T
            similarity[:, columns] = cosines(matrix, _matrix(found.column("vector").to_numpy()[inside]))
    return similarity


def _slices(trace_ids: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
    """(start, first id, last id) of consecutive slices, so that not all embeddings are in memory at once."""
    for start in range(0, len(trace_ids), TRACES_AT_ONCE):
        yield start, trace_ids[start], trace_ids[min(start + TRACES_AT_ONCE, len(trace_ids)) - 1]


def _matrix(vectors: NDArray[np.object_]) -> NDArray[np.float32]:
    """Equally long vectors as one array."""
    return np.stack(list(vectors)).astype(np.float32, copy=False)
