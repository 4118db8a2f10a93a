"""Each recipe on numbers that were checked by hand, and against brute force on random ones."""

import numpy as np
import pytest

from curation.selection.choose import Pool, choose
from curation.selection.recipes import Recipe

IDS = ("a", "b", "c", "d", "e")


def kept(recipe: Recipe, similarity: list[list[float]] | None = None, **scores: list[float]) -> str:
    named = {
        name.replace("__", "/").replace("_", "-"): np.array(values, float) for name, values in scores.items()
    }
    table = None if similarity is None else np.array(similarity, np.float32)
    choice = choose(recipe, Pool(IDS, named, table))
    return "".join(trace_id for trace_id, keeps in zip(IDS, choice.kept, strict=True) if keeps)


NAN = float("nan")


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe("top:perplexity", count=2), "be"),
        (Recipe("bottom:perplexity", count=2), "ad"),
        (Recipe("top-ppl", count=1), "b"),
        (Recipe("bottom-ppl", count=1), "d"),
        (Recipe("mid-ppl", count=1), "c"),
        (Recipe("mid-ppl", keep=0.6), "ace"),
        (Recipe("mid-ppl", count=2), "ac"),
        (Recipe("top:perplexity", keep=0), ""),
        (Recipe("mid-ppl", keep=0), ""),
        (Recipe("mid-ppl", keep=1), "abcde"),
        (Recipe("top:perplexity", count=99), "abcde"),
        (Recipe("mid-ppl", count=99), "abcde"),
    ],
)
def test_one_score(recipe: Recipe, expected: str) -> None:
    assert kept(recipe, perplexity=[2, 9, 3, 1, 5]) == expected


@pytest.mark.parametrize(("keep", "expected"), [(0.5, "ab"), (0.7, "abcd"), (0.3, "ab"), (0.1, "")])
def test_a_share_is_rounded_halves_to_even(keep: float, expected: str) -> None:
    assert kept(Recipe("top:tokens", keep=keep), tokens=[5, 4, 3, 2, 1]) == expected


@pytest.mark.parametrize("name", ["top:tokens", "bottom:tokens"])
def test_of_equal_scores_the_smaller_ids_are_kept(name: str) -> None:
    assert kept(Recipe(name, count=3), tokens=[7, 7, 7, 7, 7]) == "abc"


def test_the_middle_of_equal_scores_is_by_id() -> None:
    assert kept(Recipe("mid-ppl", count=3), perplexity=[7, 7, 7, 7, 7]) == "bcd"


def test_what_is_not_computed_is_never_kept() -> None:
    assert kept(Recipe("bottom:nll", count=5), nll=[2, NAN, 1, NAN, 3]) == "ace"
    assert kept(Recipe("mid-ppl", count=1), perplexity=[2, NAN, 1, NAN, 3]) == "a"
    assert kept(Recipe("top:nll", keep=1), nll=[NAN] * 5) == ""


def test_influence_keeps_the_highest() -> None:
    assert kept(Recipe("influence:gold", count=2), influence__gold=[-5, 2, -1, 8, 0]) == "bd"


def test_influence_correct_prunes_what_is_low_in_both() -> None:
    # Places from the lowest: values e1 d2 c3 b4 a5, ranks a1 d2 e3 c4 b5; the larger: a5 b5 c4 d2 e3.
    scores = {"influence__correct": [5, 4, 3, 2, 1], "influence_rank__correct": [0.1, 0.9, 0.7, 0.2, 0.3]}
    assert kept(Recipe("influence-correct", count=4), **scores) == "abce"
    assert kept(Recipe("influence-correct", count=3), **scores) == "abc"
    assert kept(Recipe("influence-correct", count=2), **scores) == "ab"
    assert kept(Recipe("influence-correct", count=1), **scores) == "a"


def test_influence_incorrect_prunes_what_is_high_in_both() -> None:
    # Places from the highest: values a1 b2 c3 d4 e5, ranks b1 c2 e3 d4 a5; the larger: a5 b2 c3 d4 e5.
    scores = {"influence__incorrect": [5, 4, 3, 2, 1], "influence_rank__incorrect": [0.1, 0.9, 0.7, 0.2, 0.3]}
    assert kept(Recipe("influence-incorrect", count=4), **scores) == "acde"
    assert kept(Recipe("influence-incorrect", count=2), **scores) == "ae"


def test_influence_combined_prunes_the_union() -> None:
    # Low on correct: e1 d2 c3 b4 a5; high on incorrect: a1 e2 d3 b4 c5; the union takes: a1 e1 d2 c3 b4.
    correct, incorrect = [5, 4, 3, 2, 1], [9, 2, 1, 3, 4]
    scores = {
        "influence__correct": correct,
        "influence_rank__correct": correct,
        "influence__incorrect": incorrect,
        "influence_rank__incorrect": incorrect,
    }
    assert kept(Recipe("influence-combined", count=3), **scores) == "bcd"
    assert kept(Recipe("influence-combined", count=2), **scores) == "bc"
    # a and e go at the same level; the larger id goes first.
    assert kept(Recipe("influence-combined", count=4), **scores) == "abcd"


def test_rds_queries_take_turns() -> None:
    # Query 1 takes b; query 2 wants b too and takes c; query 1 then a, query 2 then d.
    similarity = [[0.5, 0.9, 0.2, 0.3, 0.1], [0.1, 0.9, 0.8, 0.7, 0.6]]
    assert kept(Recipe("rds+", count=2), similarity) == "bc"
    assert kept(Recipe("rds+", count=3), similarity) == "abc"
    assert kept(Recipe("rds+", count=4), similarity) == "abcd"
    assert kept(Recipe("rds+", count=9), similarity) == "abcde"


def test_rds_ties_and_missing_embeddings() -> None:
    similarity = [[0.5, NAN, 0.5, 0.5, 0.5], [0.5, NAN, 0.5, 0.5, 0.5]]
    assert kept(Recipe("rds+", count=2), similarity) == "ac"
    assert kept(Recipe("rds+", keep=1), similarity) == "acde"


def test_rds_agrees_with_the_plain_loop() -> None:
    generator = np.random.default_rng(0)
    similarity = generator.integers(0, 20, (7, 500)).astype(np.float32)
    left = set(range(500))
    for turn in range(430):
        row = similarity[turn % 7]
        left.remove(min(left, key=lambda trace: (-row[trace], trace)))
    ids = [f"{i:03d}" for i in range(500)]
    choice = choose(Recipe("rds+", count=430), Pool(ids, {}, similarity))
    assert set(np.flatnonzero(~choice.kept)) == left


def test_random_is_stable_when_the_pool_grows() -> None:
    old = [f"{i:04d}" for i in range(0, 2000, 2)]
    new = sorted([*old, *(f"{i:04d}" for i in range(1, 2000, 2))])
    before, after = (choose(Recipe("random", keep=0.3, seed=4), Pool(ids, {})) for ids in (old, new))
    assert before.kept.sum() == 300
    assert after.kept.sum() == 600
    still = np.array([keeps for trace_id, keeps in zip(new, after.kept, strict=True) if trace_id in set(old)])
    # The order of the draw among old traces is the same: those still kept are the first of it.
    alone = choose(Recipe("random", count=int(still.sum()), seed=4), Pool(old, {}))
    assert (alone.kept == still).all()
    other = choose(Recipe("random", keep=0.3, seed=5), Pool(old, {}))
    assert (other.kept != before.kept).sum() > 200


@pytest.mark.parametrize("count", [0, 1, 37, 100, 199, 200])
def test_contrasts_agree_with_bisection_on_the_level(count: int) -> None:
    """Find the level q by search, prune all below it, then by trace id at q: the definition word for word."""
    generator = np.random.default_rng(count)
    ids = [f"{i:03d}" for i in range(200)]
    names = ["influence/correct", "influence-rank/correct", "influence/incorrect", "influence-rank/incorrect"]
    scores = {name: generator.integers(0, 60, 200).astype(float) for name in names}

    def position(name: str, sign: int) -> dict[str, int]:
        values = dict(zip(ids, sign * scores[name], strict=True))
        worst_first = sorted(ids, key=lambda trace_id: (values[trace_id], [-ord(c) for c in trace_id]))
        return {trace_id: place for place, trace_id in enumerate(worst_first, 1)}

    low = [position(name, +1) for name in names[:2]]
    high = [position(name, -1) for name in names[2:]]

    def pruned(recipe: str, q: int) -> set[str]:
        correct = {i for i in ids if all(place[i] <= q for place in low)}
        incorrect = {i for i in ids if all(place[i] <= q for place in high)}
        return {"influence-correct": correct, "influence-incorrect": incorrect}.get(
            recipe, correct | incorrect
        )

    for recipe in ("influence-correct", "influence-incorrect", "influence-combined"):
        below, above = 0, 200
        while below < above:
            middle = (below + above) // 2
            below, above = (
                (below, middle) if len(pruned(recipe, middle)) >= 200 - count else (middle + 1, above)
            )
        surely = pruned(recipe, below - 1) if below else set()
        at_the_level = sorted(pruned(recipe, below) - surely, reverse=True)
        gone = surely | set(at_the_level[: 200 - count - len(surely)])
        choice = choose(Recipe(recipe, count=count), Pool(ids, scores))
        assert {i for i, keeps in zip(ids, choice.kept, strict=True) if not keeps} == gone
