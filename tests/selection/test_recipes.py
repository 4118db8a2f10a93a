"""What can be written as a recipe, and what is refused."""

from typing import Any

import pytest

from curation.errors import SelectionError
from curation.selection.recipes import BY_SCORE, RECIPES, Recipe, from_fields, to_fields


def test_what_stands_behind_the_colon() -> None:
    assert Recipe("top:influence/gold") == Recipe("top", score="influence/gold", keep=0.5)
    assert Recipe("influence:correct", count=3).group == "correct"
    assert Recipe("bottom:perplexity", score="perplexity").score == "perplexity"


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("best", {}, "no recipe 'best'"),
        ("top", {}, "needs a score"),
        ("top:a", {"score": "b"}, "two things"),
        ("random:gold", {}, "two things"),
        ("random", {"keep": 0.5, "count": 3}, "only one"),
        ("random", {"keep": 1.1}, "from 0 to 1"),
        ("random", {"keep": float("nan")}, "from 0 to 1"),
        ("random", {"count": -1}, "0 or more"),
        ("random", {"group": "gold"}, "takes no group"),
        ("influence", {"score": "nll"}, "takes no score"),
        ("influence-correct", {"group": "gold"}, "takes no group"),
    ],
)
def test_refused(name: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SelectionError, match=says):
        Recipe(name, **settings)


@pytest.mark.parametrize("name", RECIPES)
def test_fields_round_trip(name: str) -> None:
    recipe = Recipe(name, score="nll" if name in BY_SCORE else None, count=3, seed=8, run_id="r")
    assert from_fields(to_fields(recipe)) == recipe


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"recipe": 3},
        {"recipe": "random", "keep": "half"},
        {"recipe": "random", "colour": "red"},
        {"recipe": "random", "count": True},
    ],
)
def test_damaged_fields(values: dict[str, Any]) -> None:
    with pytest.raises(SelectionError):
        from_fields(values)
