"""The linear datamodelling score: do the scores of a part of the pool, added up, predict what training on it does?

For a query and models trained on random parts, LDS is Spearman's correlation over the parts of the sum of the part's
scores with the query's log-likelihood after training (2303.14186). What two seeds of the same part disagree on bounds
it from above.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
DRAWS = 1_000


@dataclass(frozen=True)
class Lds:
    """How well a score predicts training.

    Attributes:
        mean_query: For the mean over the group's queries.
        low: Lower end of its 95% interval, by bootstrap over parts.
        high: Upper end.
        single: The mean over single queries of each one's own correlation.
        parts: How many parts.
    """

    mean_query: float
    low: float
    high: float
    single: float
    parts: int


def lds(scores: Floats, inside: NDArray[np.bool_], measured: Floats, seed: int = 0) -> Lds:
    """Compare what scores predict with what training gave.

    Args:
        scores: (Q, T) what each trace does to each query, or (1, T) for a score that knows no queries; NaN counts as 0.
        inside: (M, T) the traces of each part.
        measured: (M, Q) log-likelihood of each query after training on each part.
        seed: Of the bootstrap.
    """
    predicted = inside.astype(np.float64) @ np.nan_to_num(scores).T
    single = spearman(predicted.T, measured.T)
    mean_predicted, mean_measured = predicted.mean(1), measured.mean(1)
    parts = len(inside)
    some = np.random.default_rng(seed).integers(0, parts, (DRAWS, parts))
    drawn = spearman(mean_predicted[some], mean_measured[some])
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if np.isfinite(drawn).any() else (np.nan, np.nan)
    alone = float(np.nanmean(single)) if np.isfinite(single).any() else np.nan
    return Lds(float(spearman(mean_predicted, mean_measured)), float(low), float(high), alone, parts)


def ceiling(log_likelihood: Floats) -> float | None:
    """Spearman's correlation of the mean query between two seeds of the same parts; None with one seed.

    Args:
        log_likelihood: (M, S, Q) of a bank.
    """
    if log_likelihood.shape[1] < 2:
        return None
    return float(spearman(log_likelihood[:, 0].mean(-1), log_likelihood[:, 1].mean(-1)))


def spearman(one: Floats, other: Floats) -> Floats:
    """Spearman's correlation along the last axis; NaN where one of the two is constant."""
    first, second = (rankdata(x, axis=-1) - (x.shape[-1] + 1) / 2 for x in (one, other))
    with np.errstate(invalid="ignore"):
        found: Floats = (first * second).sum(-1) / np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return found
