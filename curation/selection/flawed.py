"""What other scores say of a choice: kept traces that one of them puts last, pruned ones that it puts first."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from curation.selection.choose import Bools, Floats

# A trace is at an end of a score if at least so many percent of the scored traces are strictly nearer to the other end.
BEYOND = 95
# Kinds of scores with an end that is worse whatever the project: True where it is the highest. Length is no flaw, and
# other kinds have no such end that is known.
_HIGHEST_IS_WORST = {"perplexity": True, "rsr": True, "gradient-norm": True, "influence": False, "rds": False}
# Scores that say the same as another one, so that they do not judge it.
_FAMILY = {
    "influence-consensus": "influence",
    "influence-even": "influence",
    "influence-mean": "influence",
    "influence-cosine": "influence",
    "influence-rank": "influence",
    "nll": "perplexity",
}


@dataclass(frozen=True)
class Judge:
    """A score that judges what others chose.

    Attributes:
        score: Its name.
        highest_is_worst: Whether its highest values are the worst, or its lowest.
    """

    score: str
    highest_is_worst: bool


@dataclass(frozen=True, eq=False)
class Ends:
    """The traces at either end of a score; at most 5% of the scored ones each, fewer where values are equal.

    Attributes:
        judge: The score.
        worst: (traces,) whether at least 95% of the scored traces are strictly better.
        best: (traces,) whether at least 95% are strictly worse.
    """

    judge: Judge
    worst: Bools
    best: Bools


@dataclass(frozen=True, eq=False)
class Judgement:
    """What one score says of a choice.

    Attributes:
        judge: The score.
        flawed: How many of its worst traces are kept.
        worst: How many there are.
        missed: How many of its best traces are left out.
        best: How many there are.
    """

    judge: Judge
    flawed: int
    worst: int
    missed: int
    best: int


def judges(names: Iterable[str], read: Iterable[str]) -> tuple[Judge, ...]:
    """Of each family of scores that a recipe does not read the first one, if one of its ends is known to be worse.

    Args:
        names: The scores that there are, in the order in which they are read.
        read: The scores that the recipe reads; "rds/GROUP" where it reads embeddings.
    """
    taken = {_family(name) for name in read}
    found = []
    for name in names:
        kind, group = family = _family(name)
        # To be like wrong answers says what a trace is about, not that it is wrong.
        if family in taken or kind not in _HIGHEST_IS_WORST or (kind, group) == ("rds", "incorrect"):
            continue
        taken.add(family)
        found.append(Judge(name, _HIGHEST_IS_WORST[kind] != (group == "incorrect")))
    return tuple(found)


def ends(judge: Judge, values: Floats) -> Ends:
    """The traces at either end of a score.

    Args:
        judge: The score.
        values: (traces,) its values; NaN where it was not computed, which is at no end.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        nowhere = np.zeros(len(values), dtype=bool)
        return Ends(judge, nowhere, nowhere)
    nearer = -(-BEYOND * len(known) // 100)
    lowest, highest = values < known[len(known) - nearer], values > known[nearer - 1]
    return Ends(judge, highest, lowest) if judge.highest_is_worst else Ends(judge, lowest, highest)


def judgement(of: Ends, kept: Bools) -> Judgement:
    """How many of a score's worst traces a choice keeps, and how many of its best ones it leaves out."""
    best = int(np.count_nonzero(of.best))
    return Judgement(
        of.judge,
        flawed=int(np.count_nonzero(of.worst & kept)),
        worst=int(np.count_nonzero(of.worst)),
        missed=best - int(np.count_nonzero(of.best & kept)),
        best=best,
    )


def flawed(of: Iterable[Ends], kept: Bools) -> Bools:
    """(traces,) the kept traces that are among the worst by at least one score."""
    worst = np.zeros(len(kept), dtype=bool)
    for one in of:
        worst |= one.worst
    return worst & kept


def _family(name: str) -> tuple[str, str]:
    kind, _, group = name.partition("/")
    return _FAMILY.get(kind, kind), group
