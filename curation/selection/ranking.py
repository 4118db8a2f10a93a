"""A recipe's order of all traces, worked out once: how many of them it keeps is then a matter of moments."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from curation.selection.boundary import Boundary, standing
from curation.selection.choose import (
    Bools,
    Choice,
    Floats,
    Ints,
    Pool,
    choose,
    first_kept,
    order_by_lot,
    positions_of,
    scored_values,
)
from curation.selection.joint import bands, levels
from curation.selection.recipes import MIDDLE, Recipe, score_names


@dataclass(frozen=True, eq=False)
class Ranking:
    """The traces in the order in which a recipe keeps them, whatever it keeps of them.

    Attributes:
        recipe: Resolved; its share or count does not matter.
        order: (ranked,) indices of traces; the recipe keeps the first ones, or a band in the middle.
        scored: (traces,) whether a trace has every score that the recipe needs.
        positions: What was ranked -> place of each trace, 1 at the highest value; 0 where not scored.
        ladders: Score -> (ranked,) its values in order, from the one that the recipe likes best.
        reach: (ranked,) down to which rung of each ladder one has to go for so many traces; for medium, to which of
            `joint.levels`.
    """

    recipe: Recipe
    order: Ints
    scored: Bools
    positions: Mapping[str, Ints]
    ladders: Mapping[str, Floats]
    reach: Ints

    def choice(self, count: int) -> Choice:
        """What the recipe keeps if that is `count` traces: what `choose` says, without ranking anew."""
        kept = np.zeros(len(self.scored), dtype=bool)
        kept[self.order[self._kept(count)]] = True
        if self.recipe.name != "rds+":
            return Choice(kept, self.scored, self.positions)
        # A trace that no query takes has no turn.
        return Choice(kept, self.scored, {name: turn * kept for name, turn in self.positions.items()})

    def boundaries(self, count: int) -> dict[str, Boundary]:
        """The boundary on each score that the recipe reads: what `boundaries` of the choice says."""
        kept = self.reach[self._kept(count)]
        if not len(kept):
            return {}
        if self.recipe.name == "medium":
            found = bands(self.ladders, int(kept[-1]), len(self.order))
            return {name: Boundary(*band) for name, band in found.items()}
        first, last = int(kept[0]) - 1, int(kept[-1]) - 1
        if self.recipe.name in MIDDLE:
            return {
                name: Boundary(float(rungs[first]), float(rungs[last]))
                for name, rungs in self.ladders.items()
            }
        return {
            name: Boundary(-math.inf, float(rungs[last]))
            if _likes_low(self.recipe, name)
            else Boundary(float(rungs[last]), math.inf)
            for name, rungs in self.ladders.items()
        }

    def _kept(self, count: int) -> slice:
        start = max(len(self.order) - count, 0) // 2 if self.recipe.name in MIDDLE else 0
        return slice(start, start + count)


def rank(recipe: Recipe, pool: Pool) -> Ranking:
    """Rank a pool by a recipe, with score and group filled in."""
    if recipe.name == "rds+":
        every = choose(replace(recipe, keep=1.0, count=None), pool)
        turn = every.positions["pick"]
        order = np.flatnonzero(turn)
        order = order[np.argsort(turn[order])]
        return Ranking(recipe, order, every.scored, every.positions, {}, turn[order])
    if recipe.name == "random":
        drawn = order_by_lot(recipe.seed, pool.trace_ids)
        return Ranking(recipe, drawn, np.ones(len(drawn), dtype=bool), {}, {}, np.arange(1, len(drawn) + 1))
    scored, inside = scored_values(recipe, pool)
    known = np.flatnonzero(scored)
    first = first_kept(recipe, inside, len(known))
    order, positions = known[first], positions_of(recipe, scored, inside)
    ladders = {
        name: _ladder(recipe, name, values) for name, values in zip(score_names(recipe), inside, strict=True)
    }
    if recipe.name == "medium":
        return Ranking(recipe, order, scored, positions, ladders, levels(inside)[first])
    if recipe.name in ("rank-average", "select2reason"):
        ladders = {}  # No value of a single score decides.
    return Ranking(recipe, order, scored, positions, ladders, _reach(recipe, order, scored, positions))


def _ladder(recipe: Recipe, name: str, values: Floats) -> Floats:
    climbing = np.sort(values[~np.isnan(values)])
    return climbing if _likes_low(recipe, name) else climbing[::-1]


def _reach(recipe: Recipe, order: Ints, scored: Bools, positions: Mapping[str, Ints]) -> Ints:
    if len(positions) == 1:
        return np.arange(1, len(order) + 1)
    place = standing(recipe, Choice(scored, scored, positions))
    return np.maximum.accumulate(place[order])


def _likes_low(recipe: Recipe, name: str) -> bool:
    """Whether a recipe keeps the low end of a score; of the middle it goes from there."""
    if len(score_names(recipe)) == 1:
        return recipe.name in ("bottom", "bottom-ppl", *MIDDLE)
    return recipe.name == "medium" or name.endswith("/incorrect")
