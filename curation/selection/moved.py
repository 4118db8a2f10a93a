"""What one choice takes in and lets go, against another one and against what people decided."""

from dataclasses import dataclass

import numpy as np

from curation.selection.choose import Bools, Floats, Ints
from curation.selection.select import Selection
from curation.store.verdicts import KEEP, VETO


@dataclass(frozen=True, eq=False)
class Moved:
    """The traces in which two choices differ.

    Attributes:
        entered: Indices of those that only the later one keeps.
        left: Indices of those that only the earlier one keeps.
        tokens_entered: Their completion tokens; None where nobody counted them.
        tokens_left: The same of those that left.
    """

    entered: Ints
    left: Ints
    tokens_entered: int | None
    tokens_left: int | None

    @property
    def traces(self) -> int:
        """How many more the later choice keeps."""
        return len(self.entered) - len(self.left)

    @property
    def tokens(self) -> int | None:
        """How many more tokens the later choice keeps."""
        if self.tokens_entered is None or self.tokens_left is None:
            return None
        return self.tokens_entered - self.tokens_left


@dataclass(frozen=True, eq=False)
class Conflicts:
    """Decisions that a recipe alone would not have made.

    Attributes:
        keeps: Indices of the traces kept by hand that the recipe leaves out.
        vetoes: Indices of the traces vetoed by hand that the recipe keeps.
        not_scored: How many of the keeps are left out since they are not scored.
    """

    keeps: Ints
    vetoes: Ints
    not_scored: int


def moved(before: Bools, after: Bools, tokens: Floats | None) -> Moved:
    """Who enters and who leaves, from one choice to another.

    Args:
        before: (traces,) whether the earlier choice keeps each.
        after: (traces,) the same of the later one.
        tokens: (traces,) completion tokens, 0 where they are not known; None where nobody counted them.
    """
    entered, left = np.flatnonzero(after & ~before), np.flatnonzero(before & ~after)
    return Moved(entered, left, tokens_in(tokens, entered), tokens_in(tokens, left))


def tokens_in(tokens: Floats | None, which: Bools | Ints) -> int | None:
    """Completion tokens of some traces, as a mask or as indices."""
    if tokens is None:
        return None
    return int(tokens @ which if which.dtype == bool else tokens[which].sum())


def conflicts(selection: Selection) -> Conflicts:
    """The decisions that overturn the recipe of a selection."""
    choice = selection.choice
    keeps = np.flatnonzero((selection.verdicts == KEEP) & ~choice.kept)
    vetoes = np.flatnonzero((selection.verdicts == VETO) & choice.kept)
    return Conflicts(keeps, vetoes, int(np.count_nonzero(~choice.scored[keeps])))
