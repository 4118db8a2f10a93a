"""Random draws with as many tokens as a recipe's selection: a recipe that keeps long traces learns from more text.

A draw of the same number of traces is equal in nothing but that number. The draw of the same number of tokens goes
down the same lot order until the tokens are reached, and is trained for the same number of steps.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from curation.selection.choose import Floats
from curation.selection.recipes import Recipe
from curation.store.catalogue import Catalogue
from curation.store.columns import score_by_trace
from curation.store.overview import runs
from curation.validation.arms import RANDOM, Arm, arm_of, selections

RANDOM_BY_TOKENS = "random-by-tokens"
# Selections whose tokens differ by no more than this share of the recipe's count as equal: a draw of some hundred
# traces differs by more from one seed to the next.
TOLERANCE = 0.03


def token_counts(catalogue: Catalogue) -> Floats | None:
    """(T,) completion tokens of each trace, as the newest run that counted them says; None where none did.

    A trace that the run could not read counts as the mean of the others.
    """
    for run in runs(catalogue):
        counted = score_by_trace(catalogue, run.run_id, "tokens")
        if np.isfinite(counted).any():
            return np.where(np.isfinite(counted), counted, np.nanmean(counted))
    return None


def equal_in_tokens(draw: int | None, recipe: int | None) -> bool:
    """Whether a random draw has as many tokens as a recipe's selection, within `TOLERANCE`; not if that is unknown."""
    return draw is not None and recipe is not None and abs(draw - recipe) <= TOLERANCE * recipe


def draws_by_tokens(catalogue: Catalogue, arms: Sequence[Arm], seed: int, tokens: Floats | None) -> list[Arm]:
    """The further draws of random that one seed needs, so that each recipe finds one of as many tokens.

    Args:
        catalogue: The project.
        arms: Of one seed and share, random first.
        seed: Of the draws.
        tokens: See `token_counts`.

    Returns:
        No draw where the tokens are unknown, where a draw before has as many, or where none can have as many.
    """
    draws = [arms[0]]
    for arm in arms[1:]:
        if tokens is None or any(equal_in_tokens(draw.tokens, arm.tokens) for draw in draws):
            continue
        draw = _nearest(catalogue, float(arm.tokens or 0), arms[0].keep, seed, tokens)
        if equal_in_tokens(draw.tokens, arm.tokens):
            draws.append(draw)
    return draws[1:]


def _nearest(catalogue: Catalogue, target: float, keep: float | None, seed: int, tokens: Floats) -> Arm:
    """The first traces of the lot order, decisions applied, whose tokens are nearest to the target."""
    made, traces = selections(catalogue, Recipe(RANDOM, keep=keep, seed=seed))

    def total(count: int) -> float:
        return float(tokens[made(count).selected].sum())

    reached = bisect_left(range(traces), target, key=total)
    nearest = min((max(reached - 1, 0), reached), key=lambda count: abs(total(count) - target))
    return arm_of(catalogue, RANDOM_BY_TOKENS, made(nearest), keep, tokens)
