"""Who enters, who leaves, and which decisions go against a recipe."""

import numpy as np

from curation.selection.choose import Pool, choose
from curation.selection.moved import conflicts, moved, tokens_in
from curation.selection.recipes import Recipe
from curation.selection.select import assemble
from curation.store.verdicts import KEEP, UNDECIDED, VETO, Verdicts


def test_moves_against_sets() -> None:
    random = np.random.default_rng(1)
    before, after = random.random((2, 300)) < 0.5
    tokens = random.integers(1, 90, 300).astype(float)
    found = moved(before, after, tokens)
    old, new = set(np.flatnonzero(before).tolist()), set(np.flatnonzero(after).tolist())
    assert (set(found.entered.tolist()), set(found.left.tolist())) == (new - old, old - new)
    assert found.traces == len(new) - len(old)
    assert found.tokens_entered == sum(int(tokens[one]) for one in new - old)
    assert found.tokens_left == sum(int(tokens[one]) for one in old - new)
    assert found.tokens == tokens_in(tokens, after) - tokens_in(tokens, before)


def test_tokens_that_nobody_counted_are_none() -> None:
    found = moved(np.array([True, False]), np.array([False, True]), None)
    assert (found.tokens, found.tokens_entered, found.tokens_left) == (None, None, None)


def test_conflicts_are_keeps_outside_and_vetoes_inside() -> None:
    values = np.array([5.0, 4.0, 3.0, 2.0, 1.0, np.nan])
    pool = Pool(tuple("abcdef"), {"perplexity": values})
    recipe = Recipe("top:perplexity", count=3)
    codes = np.array([KEEP, VETO, UNDECIDED, VETO, KEEP, KEEP], dtype=np.int8)
    found = conflicts(assemble(recipe, pool, choose(recipe, pool), Verdicts(6, codes), {}))
    assert (found.keeps.tolist(), found.vetoes.tolist(), found.not_scored) == ([4, 5], [1], 1)
    assert len(found.keeps) + len(found.vetoes) == 3
