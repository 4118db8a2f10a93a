"""A ranking cuts to just what choosing anew would give."""

from dataclasses import replace

import numpy as np
import pytest

from curation.selection.boundary import boundaries
from curation.selection.choose import Pool, choose
from curation.selection.ranking import rank
from curation.selection.recipes import RECIPES, Recipe, kept_count, score_names

COUNT = 150
OF = {
    "top": "perplexity",
    "bottom": "perplexity",
    "influence": "gold",
    "influence-consensus": "gold",
    "rds+": "gold",
    "medium": "gold",
    "mid": "perplexity",
    "rank-average": "influence/gold+-perplexity",
}


def recipe_of(name: str) -> Recipe:
    return Recipe(f"{name}:{OF[name]}" if name in OF else name)


@pytest.fixture(params=["distinct", "ties", "gaps"])
def pool(request: pytest.FixtureRequest) -> Pool:
    random = np.random.default_rng(11)
    names = (
        *score_names(Recipe("influence-combined")),
        "perplexity",
        "influence/gold",
        "influence-consensus/gold",
        "lossdiff/gold",
        "irm/gold",
        "difficulty",
        "tokens",
    )
    scores = {name: random.normal(size=COUNT) for name in names}
    similarity = random.uniform(-1, 1, (3, COUNT)).astype(np.float32)
    for name, values in scores.items():
        if request.param == "ties":
            scores[name] = np.round(values)
        elif request.param == "gaps":
            values[random.integers(COUNT, size=9)] = np.nan
    if request.param == "gaps":
        similarity[:, ::10] = np.nan
    return Pool(tuple(f"{number:03}" for number in range(COUNT)), scores, similarity)


@pytest.mark.parametrize("count", [0, 1, 2, 74, 75, 149, 150, 900])
@pytest.mark.parametrize("name", list(RECIPES))
def test_it_chooses_what_choosing_anew_would(name: str, count: int, pool: Pool) -> None:
    recipe = replace(recipe_of(name), keep=None, count=count)
    expected, found = choose(recipe, pool), rank(recipe_of(name), pool).choice(count)
    np.testing.assert_array_equal(found.kept, expected.kept)
    np.testing.assert_array_equal(found.scored, expected.scored)
    assert set(found.positions) == set(expected.positions)
    for key, place in expected.positions.items():
        np.testing.assert_array_equal(found.positions[key], place)


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("name", list(RECIPES))
def test_it_knows_the_boundaries(name: str, keep: float, pool: Pool) -> None:
    recipe = replace(recipe_of(name), keep=keep)
    expected = boundaries(recipe, pool, choose(recipe, pool))
    assert rank(recipe, pool).boundaries(kept_count(recipe, COUNT)) == expected
