"""The near-duplicates that the newest search found, group by group."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import Ints, frame_of, ids_of


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """All near-duplicates, ordered by group and, within it, by trace id; one place in each array a trace.

    Attributes:
        indices: (M,) places in the frame.
        groups: (M,) numbers from 0; 0 is the largest.
        similarity: (M,) highest Jaccard similarity to another trace of the group.
        traces: How many traces the search saw.
        threshold: Jaccard similarity from which two traces were joined.
    """

    indices: Ints
    groups: Ints
    similarity: NDArray[np.float64]
    traces: int
    threshold: float

    @property
    def sizes(self) -> Ints:
        """(groups,) how many traces each group has."""
        return np.bincount(self.groups)

    def members(self, group: int) -> Ints:
        """The places of one group in these arrays."""
        start, stop = np.searchsorted(self.groups, [group, group + 1])
        return np.arange(start, stop)


def near_duplicates(catalogue: Catalogue) -> NearDuplicates | None:
    """What the newest search found; None if nobody searched yet."""
    search = catalogue.rows("SELECT traces, threshold FROM near_duplicate_search")
    if not search:
        return None
    table = catalogue.table(
        'SELECT trace_id, "group", similarity FROM near_duplicates ORDER BY "group", trace_id'
    )
    indices = frame_of(catalogue).indices(ids_of(table["trace_id"]))
    held = indices >= 0
    return NearDuplicates(
        indices[held],
        table["group"].to_numpy().astype(np.int64)[held],
        table["similarity"].to_numpy()[held],
        *search[0],
    )


def group_of(catalogue: Catalogue, trace_id: str) -> list[str]:
    """The group of a trace, itself included, by trace id; empty if it is in none."""
    rows = catalogue.rows(
        """SELECT trace_id FROM near_duplicates
           WHERE "group" = (SELECT "group" FROM near_duplicates WHERE trace_id = ?) ORDER BY trace_id""",
        [trace_id],
    )
    return [str(one) for (one,) in rows]
