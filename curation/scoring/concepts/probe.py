"""A direction from two sets of activations, and how well it tells them apart on others (2602.14869)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.errors import ScoringError

Floats = NDArray[np.float64]
PROBES = ("mean", "linear")
FOLDS = 5


def direction_of(positive: Floats, negative: Floats, probe: str) -> Floats:
    """(H,) the unit vector from the negative to the positive set.

    "mean" is the difference of the class means. "linear" is the weight of a logistic regression (L2, C = 1) on
    activations of unit variance, taken back to the activations' own units.

    Args:
        positive: (n, H) activations with the concept.
        negative: (m, H) activations without it.
        probe: One of `PROBES`.

    Raises:
        ScoringError: The two sets are the same to the model.
    """
    if probe == "mean":
        found = positive.mean(0) - negative.mean(0)
    else:
        from sklearn.linear_model import LogisticRegression

        both = np.concatenate([positive, negative])
        spread = both.std(0)
        spread[spread == 0] = 1.0
        model = LogisticRegression(max_iter=2000)
        model.fit((both - both.mean(0)) / spread, _labels(positive, negative))
        found = model.coef_[0] / spread
    return unit(np.asarray(found, dtype=np.float64), "The two sets of texts are the same to this model")


def unit(direction: Floats, otherwise: str) -> Floats:
    """A direction of length 1.

    Raises:
        ScoringError: It has no length, or one that is not finite; `otherwise` says what that means.
    """
    length = float(np.linalg.norm(direction))
    if not np.isfinite(length) or length == 0:
        raise ScoringError(f"{otherwise}, so there is no direction between them; give others.")
    return direction / length


def held_out_auc(positive: Floats, negative: Floats, probe: str, seed: int = 0) -> tuple[float | None, int]:
    """The area under the ROC curve on texts that a direction was not made from, and the number of folds.

    The mean over stratified folds, as many as the smaller set allows and at most `FOLDS`; None where a set has one text.
    """
    folds = min(FOLDS, len(positive), len(negative))
    if folds < 2:
        return None, 0
    from sklearn.model_selection import StratifiedKFold

    both, labels = np.concatenate([positive, negative]), _labels(positive, negative)
    found = []
    splits: Any = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for learned, held in splits.split(both, labels):
        seen, is_positive = both[learned], labels[learned] == 1
        try:
            direction = direction_of(seen[is_positive], seen[~is_positive], probe)
        except ScoringError:  # a fold whose two sets are the same tells nothing apart
            direction = np.zeros(both.shape[1])
        found.append(auc(both[held] @ direction, labels[held]))
    return float(np.mean(found)), folds


def auc(values: Floats, labels: NDArray[np.int64]) -> float:
    """The share of pairs of one text of either kind that the values put in the right order; a tie is half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, values))


def separation(positive: Floats, negative: Floats, direction: Floats) -> float:
    """The area under the ROC curve of a direction that was made elsewhere."""
    return auc(np.concatenate([positive, negative]) @ direction, _labels(positive, negative))


def _labels(positive: Floats, negative: Floats) -> NDArray[np.int64]:
    return np.repeat([1, 0], [len(positive), len(negative)]).astype(np.int64)
