"""How much a score varies within each kind of trace, beside the kind that people wrote."""

from dataclasses import dataclass

import numpy as np

from curation.store.columns import Floats
from curation.store.facets import Facet

FEWEST = 20
_Z = 1.96


@dataclass(frozen=True)
class Spread:
    """The variance of one kind's values.

    Attributes:
        kind: Its name.
        traces: How many of them have a value.
        mean: Of the values.
        variance: Of the values, with n - 1.
        ratio: Variance / variance of the reference; None for the reference, and without one.
        low: Lower end of the ratio's 95% interval.
        high: Upper end.
    """

    kind: str
    traces: int
    mean: float
    variance: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def spreads(values: Floats, kinds: Facet, reference: str | None = None) -> list[Spread]:
    """The spread of each kind with at least `FEWEST` values, in the facet's order.

    The interval is normal on the logarithm of the ratio. The variance of log s^2 is (kurtosis - 1) / n for large n, so
    that heavy tails widen it.

    Args:
        values: (T,) what varies, as the logarithm of perplexity; NaN where it was not computed.
        kinds: What kind each trace is of.
        reference: The kind that others are compared with.
    """
    own = {
        kind: values[(kinds.codes == place) & np.isfinite(values)] for place, kind in enumerate(kinds.values)
    }
    own = {kind: some for kind, some in own.items() if len(some) >= FEWEST}
    against = own.get(reference or "")
    return [_spread(kind, some, against if kind != reference else None) for kind, some in own.items()]


def _spread(kind: str, values: Floats, against: Floats | None) -> Spread:
    variance = float(values.var(ddof=1))
    told = (kind, len(values), float(values.mean()), variance)
    if against is None or not variance or not against.var():
        return Spread(*told)
    ratio = np.log(variance / against.var(ddof=1))
    error = np.sqrt(_log_variance(values) + _log_variance(against))
    low, middle, high = np.exp([ratio - _Z * error, ratio, ratio + _Z * error])
    return Spread(*told, float(middle), float(low), float(high))


def _log_variance(values: Floats) -> float:
    """The sampling variance of log s^2."""
    centred = values - values.mean()
    kurtosis = float((centred**4).mean() / (centred**2).mean() ** 2)
    return max(kurtosis - 1, 0.0) / len(values)
