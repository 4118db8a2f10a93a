"""Of each group of near-duplicates the best one: which trace stays, and which go."""

from dataclasses import dataclass

import numpy as np

from curation.store.columns import Floats
from curation.store.frame import Bools, Ints
from curation.store.verdicts import KEEP, VETO, Codes


@dataclass(frozen=True, eq=False)
class Best:
    """What keeping the best means for the traces of all groups, in their order.

    Attributes:
        best: (M,) the best of its group; a group whose traces are all vetoed has none.
        goes: (M,) to be vetoed: neither the best, nor decided by hand before.
        order: (M,) places of all, group by group, the best first.
    """

    best: Bools
    goes: Bools
    order: Ints


def keep_best(
    groups: Ints,
    values: Floats,
    verdicts: Codes,
    *,
    highest: bool = True,
) -> Best:
    """Choose the best trace of each group by a score.

    What was decided by hand stays as it is: a vetoed trace is never the best, and a kept one never goes, and is better
    than those that nobody decided. A trace without the score loses to all that have it. Ties go to the first.

    Args:
        groups: (M,) the group of each trace.
        values: (M,) its score; NaN where it was not computed.
        verdicts: (M,) KEEP, VETO or UNDECIDED.
        highest: Whether the highest score is the best, or the lowest.
    """
    vetoed, kept = verdicts == VETO, verdicts == KEEP
    missing = ~np.isfinite(values)
    rank = np.where(missing, 0.0, -values if highest else values)
    order = np.lexsort((rank, missing, ~kept, vetoed, groups))
    leads = np.ones(len(order), dtype=bool)
    leads[1:] = np.diff(groups[order]) != 0
    best = np.zeros(len(order), dtype=bool)
    best[order[leads]] = True
    best &= ~vetoed
    return Best(best, ~best & ~vetoed & ~kept, order)


def reason(score: str) -> str:
    """What the log says of a trace that goes."""
    return f"near-duplicate; the best by {score} stays"
