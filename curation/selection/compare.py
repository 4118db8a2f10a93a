"""Two selections of the same traces, side by side."""

from dataclasses import dataclass

from curation.selection.choose import Bools
from curation.selection.select import Selection


@dataclass(frozen=True, eq=False)
class Difference:
    """Which traces two selections keep; each trace is in just one of the four.

    Attributes:
        only_a: Kept by the first alone.
        both: Kept by both.
        only_b: Kept by the second alone.
        neither: Kept by none.
    """

    only_a: Bools
    both: Bools
    only_b: Bools
    neither: Bools

    @property
    def overlap(self) -> float:
        """Jaccard's index: what both keep, as a share of what at least one keeps; 1 if both keep nothing."""
        either = int((~self.neither).sum())
        return int(self.both.sum()) / either if either else 1.0


def difference(a: Selection, b: Selection) -> Difference:
    """Compare two selections, which were made of the same project at the same time."""
    if a.trace_ids != b.trace_ids:
        raise ValueError("the selections are of different traces")
    first, second = a.selected, b.selected
    return Difference(first & ~second, first & second, ~first & second, ~first & ~second)
