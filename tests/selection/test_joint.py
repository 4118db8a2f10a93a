"""Recipes over several scores, against their definitions word for word."""

import numpy as np
import pytest

from curation.errors import SelectionError
from curation.selection.boundary import boundaries, standing
from curation.selection.choose import Pool, choose
from curation.selection.recipes import Recipe, from_fields, needed_names, score_names, terms, to_fields

NAN = float("nan")
COUNT = 60
IDS = tuple(f"{number:03}" for number in range(COUNT))


@pytest.fixture(params=["distinct", "ties", "gaps"])
def scores(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    names = (
        "influence/gold",
        "lossdiff/gold",
        "irm/gold",
        "perplexity",
        "difficulty",
        "tokens",
    )
    found = {name: random.normal(size=COUNT) for name in names}
    for values in found.values():
        if request.param == "ties":
            values[:] = np.round(values)
        if request.param == "gaps":
            values[random.integers(COUNT, size=7)] = NAN
    found["irm/gold"][random.integers(COUNT, size=25)] = NAN
    return found


def kept(recipe: Recipe, scores: dict[str, np.ndarray]) -> set[str]:
    choice = choose(recipe, Pool(IDS, scores))
    return {trace_id for trace_id, keeps in zip(IDS, choice.kept, strict=True) if keeps}


def mean_rank(values: dict[str, float], trace_id: str) -> float:
    """1 + those that are higher + half of the others that are equal."""
    mine = values[trace_id]
    higher = sum(one > mine for one in values.values())
    return 1 + higher + (sum(one == mine for one in values.values()) - 1) / 2


@pytest.mark.parametrize("count", [0, 1, 20, 41, 60])
@pytest.mark.parametrize(
    ("recipe", "signs", "weights"),
    [
        ("rank-average:influence/gold+-perplexity", {"influence/gold": 1, "perplexity": -1}, {}),
        ("rank-average:perplexity+tokens+-difficulty", {"perplexity": 1, "tokens": 1, "difficulty": -1}, {}),
        ("select2reason", {"difficulty": 1, "tokens": 1}, {"difficulty": 0.5, "tokens": 0.5}),
    ],
)
def test_means_of_ranks(
    recipe: str, signs: dict[str, int], weights: dict[str, float], count: int, scores: dict[str, np.ndarray]
) -> None:
    known = [i for i in range(COUNT) if not any(np.isnan(scores[name][i]) for name in signs)]
    signed = {name: {IDS[i]: sign * float(scores[name][i]) for i in known} for name, sign in signs.items()}
    mean = {
        IDS[i]: sum(weights.get(name, 1) * mean_rank(values, IDS[i]) for name, values in signed.items())
        for i in known
    }
    expected = sorted(mean, key=lambda trace_id: (mean[trace_id], trace_id))[:count]
    assert kept(Recipe(recipe, count=count), scores) == set(expected)


@pytest.mark.parametrize("count", [0, 1, 20, 41, 60])
def test_medium_widens_all_bands_together_until_so_many_are_inside(
    count: int, scores: dict[str, np.ndarray]
) -> None:
    """Bands of growing width, cut as `mid` cuts them, and what they have in common; at the last width by trace id."""
    needed, optional = ("influence/gold", "lossdiff/gold"), "irm/gold"
    known = [i for i in range(COUNT) if not any(np.isnan(scores[name][i]) for name in needed)]

    def common(width: int) -> set[str]:
        found = {IDS[i] for i in known}
        for name in (*needed, optional):
            having = [i for i in known if not np.isnan(scores[name][i])]
            values = np.array([scores[name][i] for i in having])
            own = width * len(having) // len(known)
            pool = Pool(tuple(IDS[i] for i in having), {name: values})
            band = choose(Recipe(f"mid:{name}", count=own), pool)
            found -= {IDS[having[j]] for j in np.flatnonzero(~band.kept)}
        return found

    inside: list[str] = []
    for width in range(len(known) + 1):
        inside += sorted(common(width) - set(inside))
    assert kept(Recipe("medium:gold", count=count), scores) == set(inside[:count])


def test_medium_of_one_order_is_the_middle_of_it(scores: dict[str, np.ndarray]) -> None:
    same = dict.fromkeys(("influence/gold", "lossdiff/gold"), scores["perplexity"])
    same |= {"irm/gold": np.full(COUNT, NAN), "perplexity": scores["perplexity"]}
    for count in (1, 2, 30, 31):
        assert kept(Recipe("medium:gold", count=count), same) == kept(Recipe("mid-ppl", count=count), same)


def test_medium_keeps_just_what_is_inside_its_bands(scores: dict[str, np.ndarray]) -> None:
    pool, recipe = Pool(IDS, scores), Recipe("medium:gold", keep=0.4)
    choice = choose(recipe, pool)
    lines = boundaries(recipe, pool, choice)
    assert set(lines) == set(score_names(recipe))
    inside = choice.scored.copy()
    for name, line in lines.items():
        values = scores[name]
        inside &= np.isnan(values) | (values >= line.low) & (values <= line.high)
    assert not (choice.kept & ~inside).any()
    if len(np.unique(scores["influence/gold"])) > COUNT // 2:  # equal values on a line are told apart by id
        assert (inside & ~choice.kept).sum() <= 2


def test_an_order_does_not_depend_on_how_the_pool_is_sorted_beyond_ties() -> None:
    random = np.random.default_rng(2)
    values = {"influence/gold": random.normal(size=COUNT), "perplexity": random.normal(size=COUNT)}
    recipe, turn = Recipe("rank-average:influence/gold+-perplexity", count=1), random.permutation(COUNT)
    place = standing(recipe, choose(recipe, Pool(IDS, values)))
    turned = standing(recipe, choose(recipe, Pool(IDS, {name: one[turn] for name, one in values.items()})))
    ranks = values["influence/gold"].argsort().argsort() - values["perplexity"].argsort().argsort()
    apart = np.flatnonzero(np.bincount(ranks + COUNT, minlength=2 * COUNT)[ranks + COUNT] == 1)
    where = np.argsort(turn)
    np.testing.assert_array_equal(turned[where[apart]], place[apart])


def test_nothing_scored_and_an_empty_pool() -> None:
    for recipe in ("medium:gold", "rank-average:perplexity", "select2reason"):
        names = score_names(Recipe(recipe))
        empty = {name: np.full(COUNT, NAN) for name in names}
        assert kept(Recipe(recipe), empty) == set()
        assert not len(choose(Recipe(recipe), Pool((), {name: np.zeros(0) for name in names})).kept)
        assert boundaries(Recipe(recipe), Pool(IDS, empty), choose(Recipe(recipe), Pool(IDS, empty))) == {}


def test_how_scores_are_written() -> None:
    recipe = Recipe("rank-average:influence/gold + -perplexity")
    assert terms(recipe) == (("influence/gold", 1.0), ("perplexity", -1.0))
    assert from_fields(to_fields(recipe)) == recipe
    assert needed_names(Recipe("medium:gold")) == ("influence/gold", "lossdiff/gold")
    assert needed_names(Recipe("top:irm/gold")) == ("irm/gold",)
    assert needed_names(Recipe("rank-average:irm/gold+tokens")) == ("irm/gold", "tokens")
    for wrong in ("rank-average", "rank-average:a+", "rank-average:a+-a", "rank-average:+"):
        with pytest.raises(SelectionError):
            Recipe(wrong)
