"""Which segments of a trace are important (2602.00425): strong ones whose tokens do not all pull the same way."""

import numpy as np
from numpy.typing import NDArray

# Of the authors' code: the strongest segments that have this share of the strength together, less those whose tokens
# agree in direction by more than that, which they take for a sign of shallow reasoning.
STRENGTH, CONSISTENCY = 0.7, 0.8
Floats = NDArray[np.float64]


def important(strength: Floats, consistency: Floats) -> NDArray[np.bool_]:
    """The important segments of one trace.

    Args:
        strength: (S,) sum of absolute attributions / sqrt(tokens), never below 0.
        consistency: (S,) |sum of attributions| / sum of absolute ones; NaN where no token has any.

    Returns:
        (S,) all False where no segment has any strength. Of equally strong ones the earlier counts as stronger.
    """
    chosen = np.zeros(len(strength), dtype=bool)
    if not len(strength) or not strength.sum() > 0:
        return chosen
    order = np.argsort(-strength, kind="stable")
    reached = np.cumsum(strength[order]) / strength.sum()
    chosen[order[: int(np.argmax(reached >= STRENGTH)) + 1]] = True
    kept: NDArray[np.bool_] = chosen & (consistency <= CONSISTENCY)
    return kept
