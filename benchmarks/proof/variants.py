"""What the default recipe loses with fewer queries, or with another model than the one that was fine-tuned on the pool."""

import numpy as np
from numpy.typing import NDArray

from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.scoring.consensus import consensus
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.selection.choose import order_by_lot
from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of
from curation.store.project import Project
from curation.store.query_values import query_values

Ints = NDArray[np.int64]
FEWER = (10, 25)


def score_with_base(project: Project) -> str:
    """The run of the model before fine-tuning, on the same queries."""
    with one_thread():
        request = ScoreRequest(
            str(BASE), scores=("influence", "influence-rank"), device="cpu", dtype="float32", steps="none"
        )
        return score(project, request).run_id


def variant_orders(catalogue: Catalogue, run_id: str, base_run_id: str, group: str) -> dict[str, Ints]:
    """Name -> (T,) traces in the order in which they are kept, by the consensus on a group.

    Args:
        catalogue: The project.
        run_id: The run of the model that was fine-tuned on the pool.
        base_run_id: That of the model before.
        group: Of the queries.
    """
    names = frame_of(catalogue).names
    own = query_values(catalogue, run_id, group, names)
    assert own.trace_ids == names
    lots = order_by_lot(0, own.query_ids)
    found = {
        f"influence-consensus, {count} queries": _order(own.values[np.sort(lots[:count])])
        for count in FEWER
        if count < len(lots)
    }
    before = query_values(catalogue, base_run_id, group, names)
    return found | {"influence-consensus, scored with the base model": _order(before.values)}


def _order(by_query: NDArray[np.float64]) -> Ints:
    return np.argsort(-consensus(by_query), kind="stable")
