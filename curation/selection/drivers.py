"""What drives a score: how far its ranking follows from what a trace looks like, alone and with all else alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.errors import SelectionError
from curation.selection.strata import Floats, Half, Ints, common_variance, effects, mean_absolute, strata_by

LEVELS = 20
DRAWN = 50_000
FEWEST = 40
DRAWS = 200
_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True, eq=False)
class Feature:
    """Something that is known of a trace without any score.

    Attributes:
        name: As people read it.
        values: (T,) numbers, or codes of kinds; NaN where not known, which is a level of its own.
        ordered: Whether they are numbers, of which one can be more than another.
    """

    name: str
    values: Floats
    ordered: bool = True


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% bootstrap interval over traces."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Driver:
    """What a score's ranking has to do with one feature.

    Attributes:
        name: The feature.
        spearman: Rank correlation with the score; None for kinds.
        alone: Share of the variance of the score's ranks that the feature's levels explain by themselves.
        alike: Mean absolute partial dependence: by how many places of 100 the feature moves a trace, others held alike.
        impact: `alike` as a share of the sum over features; below 0 counts as 0.
        compared: Share of traces that could be compared with one that differs in the feature and in nothing else.
    """

    name: str
    spearman: float | None
    alone: Estimate
    alike: Estimate
    impact: float
    compared: float


@dataclass(frozen=True)
class Drivers:
    """The drivers of one score, the one with the largest impact first.

    Attributes:
        score: Its name.
        traces: How many were looked at.
        drivers: One a feature that differs between traces.
    """

    score: str
    traces: int
    drivers: tuple[Driver, ...]


def drivers(score: str, values: Floats, features: Sequence[Feature], seed: int = 0) -> Drivers:
    """Find out what drives a score.

    The score is taken as ranks, features as up to `LEVELS` levels. Everything is estimated on two halves of the traces
    and combined so that noise alone gives 0 on average; intervals are percentiles over `DRAWS` Poisson bootstraps of
    the traces, strata kept.

    Args:
        score: Its name.
        values: (T,) the score; NaN where it was not computed.
        features: What may drive it, (T,) each.
        seed: Of the halves, of the draw of `DRAWN` traces where there are more, and of the bootstrap.

    Raises:
        SelectionError: Fewer than `FEWEST` traces have the score, or they all have the same.
    """
    random = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < FEWEST or np.ptp(values[known]) == 0:
        raise SelectionError(
            f"What drives {score} cannot be told from {len(known)} traces; it takes {FEWEST} that have the score, and two values."
        )
    if len(known) > DRAWN:
        known = np.sort(random.choice(known, DRAWN, replace=False))
    from scipy.stats import rankdata

    ranks = (rankdata(values[known]) - 0.5) / len(known)
    made = [(one, levels_of(one.values[known], ordered=one.ordered)) for one in features]
    made = [(one, levels) for one, levels in made if levels.max() > 0]
    parts = np.array_split(random.permutation(len(known)), 2)
    weights = [
        [np.ones(len(part)), *(random.poisson(1.0, len(part)).astype(float) for _ in range(DRAWS))]
        for part in parts
    ]
    matrix = np.stack([levels for _, levels in made], axis=1) if made else np.zeros((len(known), 0), np.int64)
    found = [
        _driver(one, place, matrix, ranks, values[known], known, parts, weights)
        for place, (one, _) in enumerate(made)
    ]
    total = sum(max(0.0, one.alike.value) for one in found) or 1.0
    shared = [
        Driver(one.name, one.spearman, one.alone, one.alike, max(0.0, one.alike.value) / total, one.compared)
        for one in found
    ]
    return Drivers(score, len(known), tuple(sorted(shared, key=lambda one: -one.impact)))


def levels_of(values: Floats, *, ordered: bool) -> Ints:
    """(n,) levels from 0: quantiles of numbers (equal numbers share a level), or the most frequent kinds and the rest."""
    finite = np.isfinite(values)
    if not ordered:
        _, codes, counts = np.unique(
            np.where(finite, values, np.inf), return_inverse=True, return_counts=True
        )
        place = np.empty(len(counts), dtype=np.int64)
        place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        return np.minimum(place[codes], LEVELS - 1)
    edges = np.zeros(0)
    if finite.any():
        edges = np.unique(np.quantile(values[finite], np.arange(1, LEVELS) / LEVELS))
    levels = np.searchsorted(edges, np.where(finite, values, 0.0), side="right")
    levels[~finite] = levels.max(initial=0) + 1
    return np.unique(levels, return_inverse=True)[1].astype(np.int64)


def _driver(
    feature: Feature,
    place: int,
    matrix: Ints,
    ranks: Floats,
    values: Floats,
    known: Ints,
    parts: Sequence[NDArray[np.int64]],
    weights: Sequence[Sequence[Floats]],
) -> Driver:
    """What one feature does."""
    levels, others = matrix[:, place], np.delete(matrix, place, axis=1)
    count = int(levels.max()) + 1
    shares = np.bincount(levels, minlength=count) / len(levels)
    halves = []
    for own, other in (parts, parts[::-1]):
        strata = strata_by(others[other], ranks[other], others[own])
        halves.append(Half(strata, levels[own], ranks[own]))
    whole = [Half(np.zeros_like(one.strata), one.levels, one.values) for one in halves]
    alike: list[float] = []
    alone: list[float] = []
    compared = 0.0
    for draw in zip(*weights, strict=True):
        within = [effects(half, weight, count) for half, weight in zip(halves, draw, strict=True)]
        between = [effects(half, weight, count)[0] for half, weight in zip(whole, draw, strict=True)]
        compared = compared if alike else (within[0][1] + within[1][1]) / 2
        alike.append(100 * mean_absolute(within[0][0], within[1][0], shares))
        alone.append(common_variance(between[0], between[1], shares) / float(ranks.var()))
    return Driver(
        feature.name, _spearman(feature, known, values), _estimate(alone), _estimate(alike), 0.0, compared
    )


def _spearman(feature: Feature, known: Ints, values: Floats) -> float | None:
    """Over the traces that have both; None for kinds, and where too few have."""
    own = feature.values[known]
    both = np.isfinite(own)
    if not feature.ordered or both.sum() < 3 or np.ptp(own[both]) == 0 or np.ptp(values[both]) == 0:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(own[both], values[both]).statistic)


def _estimate(draws: Sequence[float]) -> Estimate:
    """The first is the estimate, the others are bootstraps of it."""
    low, high = np.quantile(draws[1:], [_LOW, _HIGH])
    return Estimate(draws[0], float(low), float(high))
