"""Boundaries against what the recipes keep, on random scores."""

import numpy as np
import pytest

from curation.selection.boundary import Boundary, boundaries
from curation.selection.choose import Pool, choose
from curation.selection.recipes import Recipe, score_names

COUNT = 200


@pytest.fixture
def pool() -> Pool:
    random = np.random.default_rng(3)
    names = score_names(Recipe("influence-combined"))
    scores = {name: random.normal(size=COUNT) for name in (*names, "perplexity", "influence/gold")}
    for values in scores.values():
        values[random.integers(COUNT, size=5)] = np.nan
    return Pool(tuple(f"{number:03}" for number in range(COUNT)), scores)


def inside(boundary: Boundary, values: np.ndarray) -> np.ndarray:
    return (values >= boundary.low) & (values <= boundary.high)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("influence:gold", keep=0.3),
        Recipe("top:perplexity", keep=0.3),
        Recipe("bottom:perplexity", count=7),
        Recipe("mid-ppl", keep=0.4),
    ],
    ids=lambda recipe: recipe.name,
)
def test_a_recipe_of_one_score_keeps_just_what_is_inside(recipe: Recipe, pool: Pool) -> None:
    choice = choose(recipe, pool)
    ((name, boundary),) = boundaries(recipe, pool, choice).items()
    np.testing.assert_array_equal(inside(boundary, pool.scores[name]), choice.kept)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("name", ["influence-correct", "influence-incorrect", "influence-combined"])
def test_the_paper_s_recipes_keep_what_is_inside_by_value_or_by_rank(
    name: str, keep: float, pool: Pool
) -> None:
    recipe = Recipe(name, keep=keep)
    choice = choose(recipe, pool)
    found = boundaries(recipe, pool, choice)
    assert set(found) == set(score_names(recipe))
    groups = {one.partition("/")[2] for one in found}
    safe = choice.scored.copy()
    for group in groups:
        by_value, by_rank = (
            inside(found[f"{kind}/{group}"], pool.scores[f"{kind}/{group}"])
            for kind in ("influence", "influence-rank")
        )
        safe &= by_value | by_rank
    assert not (choice.kept & ~safe).any()
    # Ties at the last place may be safe by their numbers and still be left out.
    assert (safe & ~choice.kept).sum() <= 2


def test_a_recipe_without_scores_or_without_traces_has_no_boundary(pool: Pool) -> None:
    for recipe in (Recipe("random", keep=0.5), Recipe("top:perplexity", keep=0)):
        assert boundaries(recipe, pool, choose(recipe, pool)) == {}
