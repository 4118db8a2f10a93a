"""LDS and ROC-AUC of several reference models together, with bootstraps that can be paired.

All draws of one kind are the same for every setting, so the difference of two settings' draws is that of a paired bootstrap.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from curation.validation.lds import spearman

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DRAWS = 1_000


def lds_draws(scores: Floats, inside: Flags, measured: Floats) -> Floats:
    """(1 + DRAWS,) mean over R models' scores of their LDS: as measured, then with the M parts drawn anew.

    Args:
        scores: (R, T) each model's influence on the mean query.
        inside: (M, T) the traces of each part.
        measured: (M,) log-likelihood of the mean query after training on each part.
    """
    some = _draws(len(inside))
    predicted = scores @ inside.T.astype(np.float64)
    return np.mean([spearman(one[some], measured[some]) for one in predicted], 0)


def lds_of_each(values: Floats, inside: Flags, measured: Floats) -> Floats:
    """(Q,) LDS of each query, the mean over R models.

    Args:
        values: (R, Q, T) each model's influence on each query.
        inside: (M, T) the traces of each part.
        measured: (M, Q) log-likelihood of each query after training on each part.
    """
    return np.mean([spearman(one @ inside.T.astype(np.float64), measured.T) for one in values], 0)


def auc_draws(scores: Floats, flawed: Flags, right: Flags) -> Floats:
    """(1 + DRAWS,) mean over R models' scores of their ROC-AUC: as measured, then with the traces drawn anew.

    Args:
        scores: (R, T), low for traces that are to be flawed.
        flawed: (T,) those that are.
        right: (T,) those that they are compared with.
    """
    there = np.flatnonzero(flawed | right)
    some = there[_draws(len(there))]
    return np.mean([_auc(one[some], flawed[some]) for one in scores], 0)


def interval(draws: Floats) -> list[float]:
    """[value, low, high]: as measured, and the middle 95% of the draws that have a value; NaN where none has."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return [round(float(one), 4) for one in (draws[0], low, high)]


def agreement(rankings: Floats, others: Floats | None = None) -> float:
    """Mean Spearman correlation of each of (R, T) with its like among the others, or of all pairs of one if None."""
    pairs = combinations(rankings, 2) if others is None else zip(rankings, others, strict=True)
    return round(float(np.mean([spearman(one, other) for one, other in pairs])), 4)


def correlation_draws(one: Floats, other: Floats) -> Floats:
    """(1 + DRAWS,) Spearman's correlation of (N,) with (N,): as measured, then with the N drawn anew."""
    some = _draws(len(one))
    return spearman(one[some], other[some])


def _draws(count: int) -> NDArray[np.int64]:
    """(1 + DRAWS, N) all N as they are, then N of them with replacement, again and again."""
    drawn = np.random.default_rng(0).integers(0, count, (DRAWS, count))
    return np.vstack([np.arange(count), drawn])


def _auc(values: Floats, flawed: Flags) -> Floats:
    """Along the last axis, how likely a flawed one is lower than another, ties half: Mann and Whitney's U, scaled."""
    many, others = flawed.sum(-1), (~flawed).sum(-1)
    above = np.where(flawed, 0, rankdata(values, axis=-1)).sum(-1) - others * (others + 1) / 2
    with np.errstate(invalid="ignore"):
        found: Floats = above / (many * others)
    return found
