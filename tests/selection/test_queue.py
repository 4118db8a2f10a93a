"""The orders of the review queue, against what they say they are."""

import numpy as np
import pytest

from curation.selection.choose import Pool, choose
from curation.selection.queue import by_cluster, in_disagreement, near_boundary
from curation.selection.recipes import Recipe, score_names

COUNT = 60


@pytest.fixture
def pool() -> Pool:
    random = np.random.default_rng(5)
    names = {*score_names(Recipe("influence-combined")), "perplexity", "influence/gold"}
    scores = {name: random.normal(size=COUNT) for name in sorted(names)}
    scores["perplexity"][7] = np.nan
    return Pool(tuple(f"{number:03}" for number in range(COUNT)), scores)


RECIPES = ["influence:gold", "top:perplexity", "bottom:perplexity", "bottom-ppl", "influence-correct"]
RECIPES += ["influence-incorrect", "influence-combined"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_nearest_to_the_line_are_the_last_kept_and_the_first_pruned(recipe: str, pool: Pool) -> None:
    one = Recipe(recipe, count=20)
    choice = choose(one, pool)
    order = near_boundary(one, choice)
    assert sorted(order) == np.flatnonzero(choice.scored).tolist()
    # A trace that keeping one more or one fewer lets in or out is among the first.
    for count in (19, 21):
        other = choose(Recipe(recipe, count=count), pool).kept
        assert set(np.flatnonzero(other != choice.kept)) <= set(order[:8].tolist())


def test_a_band_has_two_lines(pool: Pool) -> None:
    recipe = Recipe("mid-ppl", count=20)
    choice = choose(recipe, pool)
    first = near_boundary(recipe, choice)[:4]
    assert choice.kept[first].sum() == 2
    values = pool.scores["perplexity"]
    assert {float(values[choice.kept].min()), float(values[choice.kept].max())} <= set(values[first])


def test_a_draw_has_no_line(pool: Pool) -> None:
    recipe = Recipe("random", count=20)
    assert len(near_boundary(recipe, choose(recipe, pool))) == 0


def test_scores_are_turned_to_the_first_before_they_disagree() -> None:
    first = np.arange(20.0)
    second = -first.copy()
    second[3] = -19.5  # elsewhere the opposite order, here the same
    order = in_disagreement([first, second, np.where(first == 5, np.nan, first)])
    assert order[0] == 3
    assert 5 not in order
    assert in_disagreement([first]).tolist() == list(range(20))


def test_each_cluster_shows_its_middle_first() -> None:
    x = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 50.0, 3.0])
    clusters = np.array([0, 0, 0, 1, 1, -1, 0])
    order = by_cluster(x, np.zeros(7), clusters)
    assert set(order[:2]) <= {0, 1, 2, 3, 4}
    assert clusters[order[0]] == 0
    assert clusters[order[1]] == 1
    assert order[-1] == 5
