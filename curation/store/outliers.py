"""Which traces have an unusual gradient: those beyond the share that a run was told to take for outliers."""

import numpy as np
from numpy.typing import NDArray

from curation.store.facets import GRADIENT, Facet
from curation.store.frame import Bools

Floats = NDArray[np.float64]

FOREST = "outlier-forest"
# Of the paper, for text; a run may say otherwise.
CONTAMINATION = 0.3
UNUSUAL, USUAL = "unusual", "usual"


def unusual(values: Floats, contamination: float) -> Bools:
    """(T,) which traces are beyond the threshold: the share `contamination` of those with the score, as scikit-learn cuts.

    Args:
        values: (T,) `outlier-forest`, higher for more of an outlier; NaN where it was not computed.
        contamination: In [0, 0.5].
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    return np.asarray(np.nan_to_num(values, nan=-np.inf) > np.quantile(known, 1 - contamination))


def gradient_facet(values: Floats, contamination: float) -> Facet:
    """The facet that sorts traces by whether their gradient is unusual; those without the score are of neither kind."""
    beyond = unusual(values, contamination)
    codes = np.where(np.isfinite(values), np.where(beyond, 0, 1), -1).astype(np.int32)
    return Facet(GRADIENT, (UNUSUAL, USUAL), codes)
