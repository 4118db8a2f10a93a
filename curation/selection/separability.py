"""Can a straight line through the embeddings tell where a trace comes from?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.columns import Floats
from curation.store.facets import Facet
from curation.store.frame import Ints, frame_of

FEWEST = 20
DRAWN = 1_000
MOST_KINDS = 12
FOLDS = 5
_Z = 1.96


@dataclass(frozen=True)
class Separability:
    """How well one kind is told from all others by a linear classifier on embeddings.

    Attributes:
        kind: Its name.
        traces: How many of it were looked at.
        others: How many of the others.
        auc: Share of (one of the kind, one of the others) pairs that the classifier orders right, on traces that it did
            not see: 0.5 is chance, 1 is always.
        low: Lower end of the 95% interval.
        high: Upper end.
    """

    kind: str
    traces: int
    others: int
    auc: float
    low: float
    high: float


def separability(catalogue: Catalogue, run_id: str, kinds: Facet, seed: int = 0) -> list[Separability]:
    """Each kind against all others by the embeddings of a run, on at most `DRAWN` traces of a kind.

    Empty where the run has no embeddings, or fewer than two kinds have `FEWEST` traces. Of two kinds the first alone is
    given, since the other is the same question.
    """
    random = np.random.default_rng(seed)
    drawn: list[Ints] = []
    names = []
    for place, kind in enumerate(kinds.values[:MOST_KINDS]):
        members = np.flatnonzero(kinds.codes == place)
        if len(members) >= FEWEST:
            names.append(kind)
            drawn.append(np.sort(random.choice(members, min(DRAWN, len(members)), replace=False)))
    if len(names) < 2:
        return []
    vectors, held = _vectors(catalogue, run_id, np.concatenate(drawn))
    codes = np.repeat(np.arange(len(names)), [len(one) for one in drawn])[held]
    counts = np.bincount(codes, minlength=len(names))
    asked = [place for place in range(len(names)) if FEWEST <= counts[place] <= len(codes) - FEWEST]
    found = [_one(names[place], vectors, codes == place, seed) for place in asked]
    return found[:1] if len(names) == 2 else found


def cross_validated_auc(vectors: Floats, inside: NDArray[np.bool_], seed: int) -> float:
    """AUC of logistic regression on standardised vectors, each trace judged by a fit without it (`FOLDS` folds).

    Args:
        vectors: (n, d) embeddings.
        inside: (n,) whether each is of the kind.
        seed: Of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fit = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return float(
        roc_auc_score(inside, cross_val_predict(fit, vectors, inside, cv=folds, method="decision_function"))
    )


def _one(kind: str, vectors: Floats, inside: NDArray[np.bool_], seed: int) -> Separability:
    auc = cross_validated_auc(vectors, inside, seed)
    count, others = int(inside.sum()), int((~inside).sum())
    error = _standard_error(auc, count, others)
    return Separability(kind, count, others, auc, max(0.0, auc - _Z * error), min(1.0, auc + _Z * error))


def _standard_error(auc: float, count: int, others: int) -> float:
    """Of an AUC, by Hanley and McNeil (1982), equation 1."""
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    total = auc * (1 - auc) + (count - 1) * (first - auc**2) + (others - 1) * (second - auc**2)
    return float(np.sqrt(max(0.0, total) / (count * others)))


def _vectors(catalogue: Catalogue, run_id: str, places: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, d) embeddings of the traces at some places that have one, and (places,) which have."""
    frame = frame_of(catalogue)
    wanted = frame.names_of(places)
    rows = catalogue.rows(
        """SELECT trace_id, any_value(vector) FROM vectors
           WHERE run_id = $1 AND vector IS NOT NULL AND trace_id IN (SELECT unnest($2)) GROUP BY trace_id""",
        [run_id, wanted],
    )
    found = {trace_id: vector for trace_id, vector in rows if np.isfinite(vector).all()}
    held = np.array([one in found for one in wanted], dtype=bool)
    return np.array([found[one] for one in wanted if one in found], dtype=np.float64), held
