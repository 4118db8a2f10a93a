"""How far a ranking by the mean over a group's queries hangs on which queries there happen to be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
# Halves of fewer queries than two say nothing.
FEWEST = 4


@dataclass(frozen=True)
class Reliability:
    """What a ranking by other queries of the same kind, as many of them, would have in common with this one.

    Attributes:
        mean: Its expected Spearman correlation with this ranking.
        low: The lower end of the middle 95% of draws.
        high: The upper end.
        queries: How many queries the group has.
    """

    mean: float
    low: float
    high: float
    queries: int


def reliability(values: Floats, draws: int = 200, seed: int = 0) -> Reliability | None:
    """Split the queries into halves at random, again and again, and compare the rankings by the two means.

    A half is half as many queries, so Spearman and Brown's formula (1910) leads from r between halves to
    2 r / (1 + r) between whole groups.

    Args:
        values: (queries, traces) influence of each trace on each query; without NaN.
        draws: How often.
        seed: Of the draws.

    Returns:
        None with fewer than four queries or three traces, or where a half does not tell the traces apart.
    """
    queries, traces = values.shape
    if queries < FEWEST or traces < 3:
        return None
    random, half = np.random.default_rng(seed), queries // 2
    found = np.empty(draws)
    for draw in range(draws):
        order = random.permutation(queries)
        ranks = [rankdata(values[some].mean(0)) for some in (order[:half], order[half : 2 * half])]
        if min(np.ptp(one) for one in ranks) == 0:
            return None
        r = float(np.corrcoef(*ranks)[0, 1])
        found[draw] = 2 * r / (1 + r) if r > 0 else r
    low, high = np.quantile(found, [0.025, 0.975])
    return Reliability(float(found.mean()), float(low), float(high), queries)
