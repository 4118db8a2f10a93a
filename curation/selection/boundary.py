"""Where a recipe draws its line on each score that it reads, so that it can be drawn over the traces."""

import math
from dataclasses import dataclass

import numpy as np

from curation.selection.choose import Choice, Ints, Pool, scored_values
from curation.selection.joint import bands, levels
from curation.selection.recipes import JOINT, Recipe, score_names


@dataclass(frozen=True)
class Boundary:
    """The values of one score for which that score has no objection.

    A recipe of one score keeps just these. Of those that read more, influence-correct and -incorrect keep a trace that
    is inside for influence or for its rank, influence-combined one that is so in both groups, medium one that is inside
    for each score that it has. A mean of ranks draws no line on any single score.

    Attributes:
        low: The lowest of them; minus infinity if there is no lower end.
        high: The highest; infinity if there is no upper end.
    """

    low: float
    high: float


def boundaries(recipe: Recipe, pool: Pool, choice: Choice) -> dict[str, Boundary]:
    """The boundary on each score that a recipe reads; none for those that read no score, or keep nothing.

    Args:
        recipe: Resolved.
        pool: What it read.
        choice: What it chose.
    """
    names = score_names(recipe)
    if not names or not choice.kept.any() or recipe.name in ("rank-average", "select2reason"):
        return {}
    if recipe.name == "medium":
        return _bands(recipe, pool, choice)
    if len(names) == 1:
        kept = pool.scores[names[0]][choice.kept]
        low, high = float(kept.min()), float(kept.max())
        match recipe.name:
            case "top" | "top-ppl" | "influence" | "influence-consensus":
                high = math.inf
            case "bottom" | "bottom-ppl":
                low = -math.inf
        return {names[0]: Boundary(low, high)}
    reach = int(standing(recipe, choice)[choice.kept].max())
    return {name: _up_to(name, pool, choice, reach) for name in names}


def standing(recipe: Recipe, choice: Choice) -> Ints:
    """(traces,) place of each by the recipe's own rule, 1 for what it would keep first; 0 where it is not scored.

    For mid and mid-ppl it is the place by the score, from the highest: they keep a band of places. For random and rds+
    there is none: all 0.
    """
    if not choice.positions or recipe.name in ("random", "rds+"):
        return np.zeros(len(choice.kept), dtype=np.int64)
    if recipe.name in JOINT:
        return choice.positions[recipe.name]
    if recipe.name in ("bottom", "bottom-ppl"):
        return _turned(next(iter(choice.positions.values())), choice)
    of_groups = [
        np.minimum(
            _from_kept_end(f"influence/{group}", choice), _from_kept_end(f"influence-rank/{group}", choice)
        )
        for group in ("correct", "incorrect")
        if {f"influence/{group}", f"influence-rank/{group}"} <= set(choice.positions)
    ]
    return np.max(of_groups, axis=0) if of_groups else next(iter(choice.positions.values()))


def _bands(recipe: Recipe, pool: Pool, choice: Choice) -> dict[str, Boundary]:
    scored, inside = scored_values(recipe, pool)
    level = levels(inside)
    named = zip(score_names(recipe), inside, strict=True)
    ladders = {name: np.sort(values[~np.isnan(values)]) for name, values in named}
    found = bands(ladders, int(level[choice.kept[scored]].max()), len(level))
    return {name: Boundary(*band) for name, band in found.items()}


def _from_kept_end(name: str, choice: Choice) -> Ints:
    """(traces,) place of each, 1 for the value that a recipe likes best: the lowest, of influence on incorrect."""
    place = choice.positions[name]
    return _turned(place, choice) if name.endswith("/incorrect") else place


def _turned(place: Ints, choice: Choice) -> Ints:
    return np.where(choice.scored, choice.scored.sum() + 1 - place, 0)


def _up_to(name: str, pool: Pool, choice: Choice, reach: int) -> Boundary:
    place = _from_kept_end(name, choice)
    safe = pool.scores[name][choice.scored & (place <= reach)]
    if name.endswith("/incorrect"):
        return Boundary(-math.inf, float(safe.max()))
    return Boundary(float(safe.min()), math.inf)
