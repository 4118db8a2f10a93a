"""How far scores agree: Spearman's correlation of each with each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Above so many traces the correlations are those of an even draw.
DRAWN = 50_000
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Agreement:
    """Spearman's rho of S scores.

    Attributes:
        names: Of the scores.
        rho: (S, S); NaN where too few traces have both, or one does not vary.
        traces: How many it was computed on.
    """

    names: tuple[str, ...]
    rho: Floats
    traces: int


def agreement(names: Sequence[str], columns: Sequence[Floats], seed: int = 0) -> Agreement:
    """Spearman's rho of every pair of scores, over the traces that have both.

    Args:
        names: Of the scores.
        columns: (traces,) values of each, aligned; NaN where not computed.
        seed: Of the draw, where there are more than `DRAWN` traces.
    """
    count = len(columns[0]) if columns else 0
    if count > DRAWN:
        chosen = np.sort(np.random.default_rng(seed).choice(count, DRAWN, replace=False))
        columns = [column[chosen] for column in columns]
    rho = np.full((len(names), len(names)), np.nan)
    known = [np.isfinite(column) for column in columns]
    whole = [_ranks(column) if has.all() else None for column, has in zip(columns, known, strict=True)]
    for first in range(len(names)):
        for second in range(first + 1):
            one, other = whole[first], whole[second]
            if one is None or other is None:
                both = known[first] & known[second]
                one, other = (_ranks(columns[each][both]) for each in (first, second))
            rho[first, second] = rho[second, first] = _correlation(one, other)
    return Agreement(tuple(names), rho, min(count, DRAWN))


def _ranks(values: Floats) -> Floats:
    """Centred ranks, ties at their mean."""
    from scipy.stats import rankdata  # Half a second that only the pages which compare scores need.

    ranks = np.asarray(rankdata(values), dtype=np.float64)
    return ranks - ranks.mean() if len(ranks) else ranks


def _correlation(one: Floats, other: Floats) -> float:
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if len(one) >= FEWEST and size else float("nan")
