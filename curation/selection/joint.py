"""Recipes whose order comes of several scores together: means of ranks, and bands that overlap."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from curation.selection.recipes import Recipe, terms
from curation.store.sorting import order_of_floats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def places(values: Floats) -> Ints:
    """Ordinal position of each value, 1 for the lowest; of equal values the earlier one stands first."""
    position = np.empty(len(values), dtype=np.int64)
    position[order_of_floats(values)] = np.arange(1, len(values) + 1)
    return position


def shared_ranks(values: Floats) -> Floats:
    """(n,) rank of each value, 1 for the lowest; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def joint_places(recipe: Recipe, inside: Sequence[Floats]) -> Ints:
    """(n,) place of each trace by a recipe of `JOINT`, 1 for the one that is kept first.

    Args:
        recipe: With score and group filled in.
        inside: For each score that it reads, the n values of the traces that can be kept.
    """
    if recipe.name == "medium":
        return places(levels(inside).astype(np.float64))
    return places(rank_sum(recipe, inside))


def rank_sum(recipe: Recipe, inside: Sequence[Floats]) -> Floats:
    """(n,) weighted sum of the ranks by each score, 1 for the best value; equal values share their mean rank."""
    total = np.zeros(len(inside[0]))
    for (_, weight), values in zip(terms(recipe), inside, strict=True):
        total += abs(weight) * shared_ranks(-np.sign(weight) * values)
    return total


def levels(inside: Sequence[Floats]) -> Ints:
    """(n,) how wide the middle bands have to be to hold a trace: 1 for the narrowest, n for bands of everything.

    All bands hold the same share of the traces that have their score, from the middle on. A trace is in the
    intersection once the band of each of its scores holds it; a score that it lacks has no objection.
    """
    count = len(inside[0])
    level = np.zeros(count, dtype=np.int64)
    for values in inside:
        known = ~np.isnan(values)
        own = int(known.sum())
        place = places(values[known]) - 1
        # The band of m of them begins at place (own - m) // 2, as the recipe `mid` has it.
        width = np.maximum(own - 2 * place - 1, 2 * place + 2 - own)
        level[known] = np.maximum(level[known], -(-width * count // max(1, own)))
    return level


def bands(ladders: Mapping[str, Floats], level: int, count: int) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each score's band at a level; none of a score whose band is empty.

    Args:
        ladders: Score -> its values, ascending, of the traces that can be kept.
        level: Of `levels`.
        count: How many traces can be kept: n.
    """
    found = {}
    for name, values in ladders.items():
        width = level * len(values) // max(1, count)
        start = (len(values) - width) // 2
        if width:
            found[name] = float(values[start]), float(values[start + width - 1])
    return found
