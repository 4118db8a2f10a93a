"""One ranking from the influence on a group's single queries: harm first, then use, with diminishing returns.

The mean over a group is in nats, so it hangs on the few queries with the largest gradients, mostly those that the model
finds hard. The mean with every query scaled to its own spread hangs on none. Each misses flaws that the other sees, so
what either calls harmful goes first. Of the rest the highest means are much alike: they serve the same few queries. So
these traces are taken in rounds, and a query counts the less the more the traces before have done for it.

How this was chosen, and what else was tried: docs/proof.md.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SPREAD = 0.95
ROUNDS = 50
# Of the mean absolute influence on a query of all traces together: what is taken to be done for it before the first round.
BEFORE = 0.1
DECIMALS = 9


def spread(values: Floats) -> Floats:
    """The 95th percentile of the absolute values along the last axis, one of them: unlike a sum, it has no order.

    Args:
        values: (..., T).

    Returns:
        (..., 1); 1 where it would be 0.
    """
    if not values.shape[-1]:
        return np.ones((*values.shape[:-1], 1))
    found = np.quantile(np.abs(values), SPREAD, axis=-1, keepdims=True, method="inverted_cdf")
    scale: Floats = np.where(found > 0, found, 1.0)
    return scale


def consensus(by_query: Floats) -> Floats:
    """Rank traces by their influence on the queries of a group.

    Args:
        by_query: (Q, T) influence of each trace on each query, in nats; traces sorted by id.

    Returns:
        (T,) below 0 for traces that one of the two means calls harmful: the lower of them, in units of its spread. From
        1 down to above 0 for the others: their place in the order in which they are taken.
    """
    means = np.stack([by_query.mean(0), (by_query / spread(by_query)).mean(0)])
    value: Floats = (means / spread(means)).min(0)
    useful = np.flatnonzero(value >= 0)
    order = take_in_rounds(by_query[:, useful])
    value[useful[order]] = 1 - np.arange(len(order)) / max(1, len(order))
    return value


def take_in_rounds(by_query: Floats) -> NDArray[np.int64]:
    """The order in which traces are taken if what is done for a query makes it count less.

    The gain of a trace is sum_v s_v(d) / (c_v + S_v): the slope of sum_v log(c_v + S_v), S_v the influence on query v of
    the traces taken before. Queries are first scaled by the root of their spread, halfway between nats and alike.

    Args:
        by_query: (Q, T) influence.

    Returns:
        (T,) indices; of equal gains the earlier trace comes first.
    """
    queries, traces = by_query.shape
    scaled = by_query / np.sqrt(spread(by_query))
    before = BEFORE * np.abs(scaled).sum(1).mean() or 1.0
    done, left, order = np.zeros(queries), np.arange(traces), []
    while len(left):
        gain = (1 / (before + np.maximum(done, 0))) @ scaled[:, left]
        best = np.argsort(-np.round(gain, DECIMALS), kind="stable")[: max(1, traces // ROUNDS)]
        order.append(left[best])
        done += scaled[:, left[best]].sum(1)
        left = np.delete(left, best)
    return np.concatenate(order) if order else left
