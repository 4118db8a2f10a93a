"""Recipes as pure functions: from scores, aligned with sorted trace ids, to who is kept.

Equal scores are told apart by trace id: the smaller id stands nearer to the kept end. A score that is NaN was
not computed; such a trace is never kept by a recipe that reads the score.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.selection.joint import joint_places, places
from curation.selection.recipes import JOINT, Recipe, kept_count, needed_names, score_names
from curation.selection.round_robin import round_robin
from curation.store.sorting import order_of_floats, order_of_words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Pool:
    """What recipes read: all traces of a project with the scores of one run.

    Attributes:
        trace_ids: Sorted, each once; every array below is aligned with it.
        scores: Name of a score -> its values, NaN where not computed.
        similarity: For rds+, (queries, traces) cosines, queries sorted by id; NaN without an embedding.
        group_sizes: Number of queries in each group of the run.
        unscored: Why a trace has no scores, where the run says so.
    """

    trace_ids: Sequence[str]
    scores: Mapping[str, Floats]
    similarity: NDArray[np.float32] | None = None
    group_sizes: Mapping[str, int] | None = None
    unscored: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Choice:
    """What a recipe alone says about each trace.

    Attributes:
        kept: Whether it keeps the trace.
        scored: Whether the trace has every score that the recipe needs.
        positions: What was ranked -> place of each trace, 1 at the highest value; 0 where not scored. A recipe of `JOINT`
            ranks by its own rule too, under its name, 1 for what it keeps first.
    """

    kept: Bools
    scored: Bools
    positions: Mapping[str, Ints]


def choose(recipe: Recipe, pool: Pool) -> Choice:
    """Apply a recipe, with score and group filled in, to a pool."""
    count = kept_count(recipe, len(pool.trace_ids))
    if recipe.name == "random":
        return _by_lot(recipe.seed, pool.trace_ids, count)
    if recipe.name == "rds+":
        return _by_embedding(pool, count)
    scored, inside = scored_values(recipe, pool)
    positions = positions_of(recipe, scored, inside)
    kept = np.zeros(len(pool.trace_ids), dtype=bool)
    kept[np.flatnonzero(scored)[first_kept(recipe, inside, count)]] = True
    return Choice(kept, scored, positions)


def scored_values(recipe: Recipe, pool: Pool) -> tuple[Bools, list[Floats]]:
    """(traces,) who has every score that is needed; and of these the n values of each score that is read."""
    scored: Bools = ~np.any([np.isnan(pool.scores[name]) for name in needed_names(recipe)], axis=0)
    return scored, [pool.scores[name][scored] for name in score_names(recipe)]


def first_kept(recipe: Recipe, inside: Sequence[Floats], count: int) -> Ints:
    """Indices among the scored traces of those that are kept, if that is so many; in the recipe's order."""
    if recipe.name in JOINT:
        return _first(joint_places(recipe, inside), count)
    return BY_SCORES[recipe.name](inside, count)


def positions_of(recipe: Recipe, scored: Bools, inside: Sequence[Floats]) -> dict[str, Ints]:
    """`Choice.positions` of a recipe that reads scores."""
    positions = {}
    for name, value in zip(score_names(recipe), inside, strict=True):
        known = ~np.isnan(value)
        place = np.zeros(len(value), dtype=np.int64)
        place[known] = places(-value[known])
        positions[name] = _spread(place, scored)
    if recipe.name in JOINT:
        positions[recipe.name] = _spread(joint_places(recipe, inside), scored)
    return positions


def _first(values: NDArray[np.float64] | Ints, count: int) -> Ints:
    """Indices of the `count` lowest values, ties by index."""
    return order_of_floats(values.astype(np.float64))[:count]


def _middle(values: Floats, count: int) -> Ints:
    """Indices of the quantile band [(1-f)/2, (1+f)/2]; the odd trace out is pruned from the high end."""
    order = order_of_floats(values)
    start = max(len(values) - count, 0) // 2
    return order[start : start + count]


def _either_high(values: Floats, ranks: Floats, sign: int) -> Ints:
    """Place from the kept end by the better of value and rank.

    "Pruned at level q if both are among the q worst" prunes, as q grows, in the order of the larger of the
    two places counted from the worst end: the order of the smaller place counted from the kept end.
    """
    return np.minimum(places(-sign * values), places(-sign * ranks))


def _combined(values: Sequence[Floats], count: int) -> Ints:
    """The union of two prunings at the same q: a trace goes as soon as either takes it."""
    correct = _either_high(values[0], values[1], +1)
    incorrect = _either_high(values[2], values[3], -1)
    return _first(np.maximum(correct, incorrect), count)


BY_SCORES: dict[str, Callable[[Sequence[Floats], int], Ints]] = {
    "top": lambda values, count: _first(-values[0], count),
    "bottom": lambda values, count: _first(values[0], count),
    "top-ppl": lambda values, count: _first(-values[0], count),
    "bottom-ppl": lambda values, count: _first(values[0], count),
    "mid": lambda values, count: _middle(values[0], count),
    "mid-ppl": lambda values, count: _middle(values[0], count),
    "influence": lambda values, count: _first(-values[0], count),
    "influence-consensus": lambda values, count: _first(-values[0], count),
    "influence-correct": lambda values, count: _first(_either_high(values[0], values[1], +1), count),
    "influence-incorrect": lambda values, count: _first(_either_high(values[0], values[1], -1), count),
    "influence-combined": _combined,
}


def order_by_lot(seed: int, trace_ids: Sequence[str]) -> Ints:
    """Order by a hash of seed and trace id, so that traces added later do not reorder the ones before."""
    lots = b"".join(hashlib.sha256(f"{seed}:{trace_id}".encode()).digest()[:8] for trace_id in trace_ids)
    return order_of_words(np.frombuffer(lots, dtype=">u8").astype(np.uint64))


def _by_lot(seed: int, trace_ids: Sequence[str], count: int) -> Choice:
    kept = np.zeros(len(trace_ids), dtype=bool)
    kept[order_by_lot(seed, trace_ids)[:count]] = True
    return Choice(kept, np.ones(len(trace_ids), dtype=bool), {})


def _by_embedding(pool: Pool, count: int) -> Choice:
    """RDS+ (2503.01807): queries take turns, each with its nearest trace not yet taken."""
    if pool.similarity is None:
        raise ValueError("rds+ needs the pool's similarity")
    scored: Bools = ~np.any(np.isnan(pool.similarity), axis=0)
    picks = round_robin(pool.similarity[:, scored], count)
    turns = np.zeros(int(scored.sum()), dtype=np.int64)
    turns[picks] = np.arange(1, len(picks) + 1)
    taken = _spread(turns, scored)
    return Choice(taken > 0, scored, {"pick": taken})


def _spread(inside: Ints, scored: Bools) -> Ints:
    """Values of the scored traces put back among all traces, 0 elsewhere."""
    everywhere = np.zeros(len(scored), dtype=np.int64)
    everywhere[scored] = inside
    return everywhere
