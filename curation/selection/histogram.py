"""A score cut into bars, worked out once: what any choice keeps of each bar is then one count."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.selection.choose import Bools, Floats, Ints

BARS = 120
# With fewer scored traces than this, half as many bars and again half, or most of them would be empty.
MANY, SOME = 2_000, 200
# What the bars span; the few values beyond are in the bars at the ends.
CENTRAL = (0.02, 0.98)


@dataclass(frozen=True, eq=False)
class Histogram:
    """A score in B bars of equal width.

    Attributes:
        edges: (B + 1,) ascending.
        bar: (traces,) the bar of each trace; B where the score was not computed.
        totals: (B,) traces in each bar.
    """

    edges: Floats
    bar: NDArray[np.uint8]
    totals: Ints

    @property
    def low(self) -> float:
        """Where the first bar begins."""
        return float(self.edges[0])

    @property
    def high(self) -> float:
        """Where the last bar ends."""
        return float(self.edges[-1])

    def counts(self, which: Bools) -> Ints:
        """(B,) how many of some traces are in each bar."""
        # Taking by index is several times faster than by a mask.
        return np.bincount(self.bar[np.flatnonzero(which)], minlength=len(self.totals) + 1)[
            : len(self.totals)
        ]

    def around(self, value: float) -> tuple[float, float]:
        """Where the bar of a value begins and ends."""
        bar = int(np.searchsorted(self.edges, value, side="right")) - 1
        bar = min(max(bar, 0), len(self.totals) - 1)
        return float(self.edges[bar]), float(self.edges[bar + 1])


def histogram(values: Floats) -> Histogram:
    """Cut a score into bars over its central 96%.

    Args:
        values: (traces,) NaN where it was not computed.
    """
    known = np.isfinite(values)
    scored = int(np.count_nonzero(known))
    bars = BARS if scored >= MANY else BARS // 2 if scored >= SOME else BARS // 4
    low, high = np.quantile(values[known], CENTRAL) if scored else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1.0, bars + 1)
    bar = np.full(len(values), bars, dtype=np.uint8)
    inner = np.searchsorted(edges[1:-1], values[known], side="right")
    bar[known] = inner
    return Histogram(edges, bar, np.bincount(inner, minlength=bars))
