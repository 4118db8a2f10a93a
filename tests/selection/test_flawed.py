"""What other scores say of a choice, against brute force."""

import numpy as np
import pytest

from curation.selection.flawed import Judge, ends, flawed, judgement, judges

NAN = float("nan")


def beyond(values: np.ndarray, *, above: bool) -> np.ndarray:
    """Trace by trace: whether at least 95 of 100 scored traces are strictly lower, or higher."""
    known = values[~np.isnan(values)]
    found = []
    for value in values:
        others = int((known < value).sum() if above else (known > value).sum())
        found.append(not np.isnan(value) and 100 * others >= 95 * len(known))
    return np.array(found, dtype=bool)


@pytest.mark.parametrize("highest", [True, False])
@pytest.mark.parametrize("levels", [2, 7, 40, 1_000_000])
@pytest.mark.parametrize("count", [1, 19, 20, 21, 100, 237])
def test_the_ends_are_those_that_95_percent_are_strictly_nearer_to_the_other(
    count: int, levels: int, highest: bool
) -> None:
    random = np.random.default_rng(count * levels)
    values = random.integers(levels, size=count).astype(float)
    values[random.random(count) < 0.1] = NAN
    found = ends(Judge("perplexity", highest_is_worst=highest), values)
    np.testing.assert_array_equal(found.worst, beyond(values, above=highest))
    np.testing.assert_array_equal(found.best, beyond(values, above=not highest))
    scored = int((~np.isnan(values)).sum())
    assert found.worst.sum() <= 0.05 * scored
    if levels == 1_000_000:
        assert found.worst.sum() == scored // 20


@pytest.mark.parametrize("values", [[NAN, NAN], [], [3.0] * 40])
def test_without_values_that_differ_nothing_is_at_an_end(values: list[float]) -> None:
    found = ends(Judge("rsr", highest_is_worst=True), np.array(values))
    assert not found.worst.any()
    assert not found.best.any()


def test_a_judgement_counts_kept_among_the_worst_and_left_out_among_the_best() -> None:
    random = np.random.default_rng(5)
    kept = random.random(400) < 0.6
    every = [
        ends(Judge(name, highest_is_worst=worst), random.normal(size=400))
        for name, worst in (("rsr", True), ("rds/gold", False))
    ]
    for one in every:
        found = judgement(one, kept)
        assert (found.worst, found.best) == (20, 20)
        assert found.flawed == sum(
            is_worst and is_in for is_worst, is_in in zip(one.worst, kept, strict=True)
        )
        assert found.missed == sum(
            is_best and not is_in for is_best, is_in in zip(one.best, kept, strict=True)
        )
    by_any = [a or b for a, b in zip(every[0].worst, every[1].worst, strict=True)]
    np.testing.assert_array_equal(flawed(every, kept), np.array(by_any) & kept)
    assert not flawed([], kept).any()


def test_each_family_judges_once_from_its_worse_end() -> None:
    names = [
        "influence/gold",
        "influence/incorrect",
        "perplexity",
        "nll",
        "rsr",
        "rds/gold",
        "rds/incorrect",
        "influence-mean/gold",
        "influence-mean/incorrect",
        "influence-rank/some",
        "gradient-norm",
        "tokens",
        "steps",
        "unheard-of/gold",
    ]
    found = {one.score: one.highest_is_worst for one in judges(names, [])}
    assert found == {
        "influence/gold": False,
        "influence/incorrect": True,
        "perplexity": True,
        "rsr": True,
        "rds/gold": False,
        "influence-rank/some": False,
        "gradient-norm": True,
    }


@pytest.mark.parametrize(
    ("read", "silent"),
    [
        ("influence/gold", "influence/gold"),
        ("influence-mean/gold", "influence/gold"),
        ("nll", "perplexity"),
        ("rds/gold", "rds/gold"),
    ],
)
def test_what_the_recipe_reads_does_not_judge_it(read: str, silent: str) -> None:
    names = ["influence/gold", "influence/correct", "perplexity", "rds/gold"]
    assert [one.score for one in judges(names, [read])] == [name for name in names if name != silent]
