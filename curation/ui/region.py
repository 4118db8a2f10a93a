"""Places on the map: which points a lasso or a box holds, and which to draw when there are too many."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# Up to so many points all are drawn; of more, so many: what covers a map as densely, and takes a lasso in half the time.
MOST, DRAWN = 50_000, 25_000


def inside_selection(selection: Mapping[str, Any], x: Floats, y: Floats) -> Bools:
    """(P,) whether each point is in any lasso or box of a chart's selection, drawn or not."""
    inside = np.zeros(len(x), dtype=bool)
    for lasso in selection.get("lasso", []):
        inside |= in_polygon(lasso["x"], lasso["y"], x, y)
    for box in selection.get("box", []):
        (left, right), (low, high) = sorted(box["x"]), sorted(box["y"])
        inside |= (x >= left) & (x <= right) & (y >= low) & (y <= high)
    return inside


def in_polygon(corner_x: Sequence[float], corner_y: Sequence[float], x: Floats, y: Floats) -> Bools:
    """(P,) whether each point is inside a closed polygon, by the even-odd rule."""
    inside = np.zeros(len(x), dtype=bool)
    if len(corner_x) < 3:
        return inside
    left, right, low, high = min(corner_x), max(corner_x), min(corner_y), max(corner_y)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))
    px, py = x[near], y[near]
    crossed = np.zeros(len(near), dtype=bool)
    ends = zip(corner_x, corner_y, np.roll(corner_x, 1), np.roll(corner_y, 1), strict=True)
    for x1, y1, x2, y2 in ends:
        if y1 != y2:  # A level edge is never crossed by a level ray.
            spans = (y1 > py) != (y2 > py)
            crossed ^= spans & (px < (x2 - x1) * (py - y1) / (y2 - y1) + x1)
    inside[near] = crossed
    return inside


def drawn(always: Bools, most: int = MOST, limit: int = DRAWN, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the points to draw, ascending: all up to `most`, else those in `always` and an even draw of the others."""
    if len(always) <= most:
        return np.arange(len(always))
    fixed = np.flatnonzero(always)[:limit]
    others = np.flatnonzero(~always)
    chosen = np.random.default_rng(seed).choice(others, min(len(others), limit - len(fixed)), replace=False)
    return np.sort(np.concatenate([fixed, chosen]))
