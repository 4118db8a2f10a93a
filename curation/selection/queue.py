"""Which traces a person should look at first: where a look is worth most."""

from collections.abc import Sequence

import numpy as np

from curation.selection.boundary import standing
from curation.selection.choose import Bools, Choice, Floats, Ints
from curation.selection.joint import places
from curation.selection.recipes import MIDDLE, Recipe

# Order of a queue -> what it serves first.
ORDERS = {
    "boundary": "nearest to where the recipe draws its line",
    "disagreement": "on which the scores disagree most",
    "clusters": "in the middle of each cluster of the map, the largest first",
}


def near_boundary(recipe: Recipe, choice: Choice) -> Ints:
    """Indices of the scored traces, nearest to the recipe's line first; none for recipes without one.

    On the line are the last trace that is kept and the first one that is not; a band has two lines.
    """
    place = standing(recipe, choice)
    scored = np.flatnonzero(place > 0)
    if not len(scored):
        return scored
    kept = place[choice.kept]
    lines = [int(kept.max()) + 0.5] if len(kept) else [0.5]
    if recipe.name in MIDDLE and len(kept):
        lines.append(int(kept.min()) - 0.5)
    distance = np.min([np.abs(place[scored] - line) for line in lines], axis=0)
    return scored[np.argsort(distance, kind="stable")]


def in_disagreement(columns: Sequence[Floats]) -> Ints:
    """Indices of the traces that have all scores, those first whose places by them differ most.

    Each score is turned so that it goes with the first one, since whether high is good depends on the score.

    Args:
        columns: (traces,) values of each score; the first leads.
    """
    known: Bools = (
        np.all([np.isfinite(column) for column in columns], axis=0) if columns else np.zeros(0, bool)
    )
    indices = np.flatnonzero(known)
    if len(columns) < 2 or not len(indices):
        return indices
    shares = [places(column[known]) / len(indices) for column in columns]
    lead = shares[0] - shares[0].mean()
    turned = [share if lead @ (share - share.mean()) >= 0 else 1 - share for share in shares]
    spread = np.max(turned, axis=0) - np.min(turned, axis=0)
    return indices[np.argsort(-spread, kind="stable")]


def by_cluster(x: Floats, y: Floats, clusters: Ints) -> Ints:
    """Indices of the points of the map: the most central one of each cluster, largest cluster first, then the next ones.

    Args:
        x: (P,) places on the map.
        y: (P,) the same.
        clusters: (P,) numbers; points of none, at -1, come last.
    """
    rank = np.zeros(len(x), dtype=np.int64)  # 1 for the most central point of its cluster
    size = np.zeros(len(x), dtype=np.int64)
    for cluster in np.unique(clusters):
        inside = np.flatnonzero(clusters == cluster)
        distance = np.hypot(x[inside] - np.median(x[inside]), y[inside] - np.median(y[inside]))
        rank[inside], size[inside] = places(distance), len(inside)
    return np.lexsort((np.arange(len(x)), -size, rank, clusters < 0))
