"""The map's points."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import Bools, frame_of, ids_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Points:
    """Where each trace of the frame lies on the newest map of a run.

    Attributes:
        x: (T,) first coordinate; NaN where a trace is not on the map.
        y: (T,) second coordinate.
        clusters: (T,) cluster numbers; -1 is none.
    """

    x: Floats
    y: Floats
    clusters: NDArray[np.int64]

    @property
    def on_map(self) -> Bools:
        """(T,) whether each trace has a place."""
        return np.isfinite(self.x)

    @cached_property
    def medians(self) -> Floats:
        """(K, 2) the middle of each cluster: the medians of its coordinates; NaN where it has no trace."""
        found = np.full((int(self.clusters.max(initial=-1)) + 1, 2), np.nan)
        for number in range(len(found)):
            members = self.clusters == number
            if members.any():
                found[number] = np.median(self.x[members]), np.median(self.y[members])
        return found


def points(catalogue: Catalogue, run_id: str) -> Points | None:
    """The map of a run; None if there is none. Of several maps a trace's place on the newest counts."""
    table = catalogue.table("SELECT trace_id, x, y, cluster FROM map WHERE run_id = ?", [run_id])
    if not table.num_rows:
        return None
    frame = frame_of(catalogue)
    places = frame.indices(ids_of(table["trace_id"]))
    here = places >= 0
    x, y = np.full((2, len(frame)), np.nan)
    clusters = np.full(len(frame), -1, dtype=np.int64)
    # Files come oldest first, and of several values for one place the last one stays.
    x[places[here]] = table["x"].to_numpy()[here]
    y[places[here]] = table["y"].to_numpy()[here]
    clusters[places[here]] = table["cluster"].to_numpy()[here]
    return Points(x, y, clusters)


def mapped_runs(catalogue: Catalogue) -> frozenset[str]:
    """Ids of the runs that have a map."""
    return catalogue.once(
        "mapped runs",
        lambda: frozenset(str(run_id) for (run_id,) in catalogue.rows("SELECT DISTINCT run_id FROM map")),
    )
