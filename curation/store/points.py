"""The map's points, with whatever colours them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """All traces on the newest map of a run, one place in each array a trace.

    Attributes:
        trace_ids: (P,) strings.
        x: (P,) first coordinate.
        y: (P,) second coordinate.
        clusters: (P,) cluster numbers; -1 is none.
    """

    trace_ids: NDArray[np.object_]
    x: Floats
    y: Floats
    clusters: NDArray[np.int64]


def points(catalogue: Catalogue, run_id: str) -> Points | None:
    """The map of a run, ordered by trace_id; None if there is none. Of several maps the newest counts."""
    table = catalogue.table(
        """SELECT trace_id, arg_max(x, rowid) AS x, arg_max(y, rowid) AS y, arg_max(cluster, rowid) AS cluster
           FROM (SELECT *, row_number() OVER () AS rowid FROM map WHERE run_id = ?) GROUP BY trace_id
           ORDER BY trace_id""",
        [run_id],
    )
    if not table.num_rows:
        return None
    return Points(
        table["trace_id"].to_numpy(zero_copy_only=False),
        table["x"].to_numpy().astype(np.float64),
        table["y"].to_numpy().astype(np.float64),
        table["cluster"].to_numpy().astype(np.int64),
    )


def score_of_points(catalogue: Catalogue, run_id: str, name: str) -> Floats:
    """(P,) one score of the points, in the order of `points`; NaN where it was not computed."""
    table = catalogue.table(
        f"SELECT s.value FROM ({_ON_MAP}) m LEFT JOIN scores s ON s.trace_id = m.trace_id "
        "AND s.run_id = ? AND s.name = ? ORDER BY m.trace_id",
        [run_id, run_id, name],
    )
    return np.asarray(table["value"].to_numpy(zero_copy_only=False), dtype=np.float64)


def source_of_points(catalogue: Catalogue, run_id: str) -> NDArray[np.object_]:
    """(P,) the source of each point, in the order of `points`."""
    table = catalogue.table(
        f"SELECT coalesce(t.source, '') AS source FROM ({_ON_MAP}) m LEFT JOIN traces t USING (trace_id) "
        "ORDER BY m.trace_id",
        [run_id],
    )
    return np.asarray(table["source"].to_numpy(zero_copy_only=False), dtype=object)


_ON_MAP = "SELECT DISTINCT trace_id FROM map WHERE run_id = ?"
