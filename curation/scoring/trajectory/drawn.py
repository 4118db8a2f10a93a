"""Weights of the data that are drawn by lot: over replays, each trace goes from not there at all to there twice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.selection.choose import order_by_lot

# By which every weight moves on from one replay to the next: so K replays in a row have each trace's K weights spread
# evenly over the whole range, for every K.
GOLDEN = (5**0.5 - 1) / 2
# The lot by which weights begin; parts of a pool and random choices are drawn by others.
LOT = -1


def drawn_weights(trace_ids: Sequence[str], number: int) -> NDArray[np.float64]:
    """(N,) weights between 0 and 2, evenly spread over the traces; mean 1.

    A trace that a model has learned by heart pulls at it no more: at its full weight a derivative is small, though
    without the trace the model would be another. Over weights that are drawn evenly, the mean of the derivative by a
    trace's weight is half of what the trace makes of the result when it is there twice rather than not at all, by
    the fundamental theorem of calculus; and the other traces are neither all there. A random half of a pool that is
    gone over twice is a corner of the same range.

    Args:
        trace_ids: Of the traces.
        number: Of the replay.
    """
    begun = np.empty(len(trace_ids))
    begun[order_by_lot(LOT, trace_ids)] = (np.arange(len(trace_ids)) + 0.5) / max(1, len(trace_ids))
    return 2 * ((begun + number * GOLDEN) % 1)
