"""The effect of one feature with the others held alike, from the data itself: strata by the others, differences within.

StratPD (1907.06698): a tree on the other features parts the traces into strata that are alike in all that matters
but the feature, and only differences within a stratum count. No model of the score is looked at, so features that go
together are not mistaken for each other as long as they are not one and the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_IN_A_STRATUM = 10
# Pseudo-traces that say that a level has no effect; without them a level that is compared with no other is undefined.
PRIOR = 1.0


@dataclass(frozen=True, eq=False)
class Half:
    """One half of the traces, for one feature.

    Attributes:
        strata: (n,) the stratum of each trace, found on the other half.
        levels: (n,) the feature's level.
        values: (n,) the score.
    """

    strata: Ints
    levels: Ints
    values: Floats


def strata_by(others: Ints, values: Floats, at: Ints) -> Ints:
    """(n,) strata of other traces by a regression tree, which is grown on values that these traces have no part in.

    Args:
        others: (m, F - 1) levels of the other features.
        values: (m,) the score.
        at: (n, F - 1) levels of the traces that are to be parted.
    """
    if not others.shape[1]:
        return np.zeros(len(at), dtype=np.int64)
    from sklearn.tree import DecisionTreeRegressor  # A second that only this needs.

    tree = DecisionTreeRegressor(min_samples_leaf=FEWEST_IN_A_STRATUM, random_state=0)
    leaves = tree.fit(others, values).apply(at)
    return np.unique(leaves, return_inverse=True)[1].astype(np.int64)


def effects(half: Half, weights: Floats, count: int) -> tuple[Floats, float]:
    """(count,) what each level adds to the score, and the share of traces that were compared with another level.

    Where StratPD takes the mean slope over the strata, this takes the level effects b that fit all differences within
    strata best: y = stratum + b[level], by least squares, so that a difference counts by the traces behind it and a
    category is treated as a number is.

    Args:
        half: The traces.
        weights: (n,) how often each is counted.
        count: Number of levels.
    """
    strata = int(half.strata.max(initial=-1)) + 1
    place = half.strata * count + half.levels
    shape = (strata, count)
    counts = np.bincount(place, weights, strata * count).reshape(shape)
    sums = np.bincount(place, weights * half.values, strata * count).reshape(shape)
    sizes = counts.sum(axis=1)
    inverse = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    normal = np.diag(counts.sum(axis=0) + PRIOR) - (counts * inverse[:, None]).T @ counts
    right = sums.sum(axis=0) - counts.T @ (sums.sum(axis=1) * inverse)
    mixed = (counts > 0).sum(axis=1) > 1
    total = sizes.sum()
    return np.linalg.solve(normal, right), float(sizes[mixed].sum() / total) if total else 0.0


def mean_absolute(first: Floats, second: Floats, shares: Floats) -> float:
    """The mean over traces of |effect|, free of the bias that noise gives a mean of absolute values.

    Each half's effects take their sign from the other half, whose noise is another one: without any effect the
    expected value is 0 and not above it.

    Args:
        first: (L,) effects in one half.
        second: (L,) in the other.
        shares: (L,) traces of each level.
    """
    first, second = first - first @ shares, second - second @ shares
    return float(shares @ (np.sign(first) * second + np.sign(second) * first) / 2)


def common_variance(first: Floats, second: Floats, shares: Floats) -> float:
    """The variance over traces of the effects that both halves have; 0 is expected where there are none."""
    first, second = first - first @ shares, second - second @ shares
    return float(shares @ (first * second))
