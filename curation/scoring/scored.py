"""What came of asking for scores: the run that answers, be it a new one or one that was there."""

import json
from dataclasses import dataclass, field

from curation.store.catalogue import Catalogue


@dataclass(frozen=True)
class Scored:
    """What came of a request.

    Attributes:
        run_id: The run that answers it.
        already_there: It had been there before.
        notes: Sentences about what was left out and what is attributed.
    """

    run_id: str
    already_there: bool
    notes: list[str] = field(default_factory=list)


def finished_run(catalogue: Catalogue, key: str) -> str | None:
    """The published run that answers a request's key."""
    for run_id, parameters in catalogue.rows("SELECT run_id, parameters FROM run ORDER BY finished DESC"):
        if json.loads(parameters or "{}").get("key") == key:
            return str(run_id)
    return None
