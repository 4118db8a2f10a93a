"""What holds now for each trace, as an array: kept, vetoed or neither."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import Frame, frame_of, ids_of

Codes = NDArray[np.int8]
# The code of a verdict is its place here.
VERDICTS = ("undecided", "keep", "veto")
UNDECIDED, KEEP, VETO = range(3)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts up to one decision.

    Attributes:
        number: Of the last decision that is in them; 0 before the first.
        codes: (T,) UNDECIDED, KEEP or VETO for each trace of the frame.
    """

    number: int
    codes: Codes


def verdicts_of(catalogue: Catalogue) -> Verdicts:
    """The verdicts of all decisions that the catalogue has read; only those since the last call are looked at."""
    frame = frame_of(catalogue)
    last = int(catalogue.rows("SELECT coalesce(max(number), 0) FROM decisions")[0][0])
    with catalogue.finding:
        before: Verdicts = catalogue.found.get("verdicts") or _none(frame)
        now = before if before.number == last else _after(catalogue, frame, before, last)
        catalogue.found["verdicts"] = now
    return now


def verdicts_up_to(catalogue: Catalogue, number: int) -> Verdicts:
    """The verdicts as they were after a decision."""
    frame = frame_of(catalogue)
    return _after(catalogue, frame, _none(frame), number)


def _none(frame: Frame) -> Verdicts:
    return Verdicts(0, np.zeros(len(frame), np.int8))


def _after(catalogue: Catalogue, frame: Frame, before: Verdicts, number: int) -> Verdicts:
    events = catalogue.table(
        """SELECT trace_id, coalesce(list_position(['keep', 'veto'], verdict), 0)::TINYINT AS code FROM decisions
           WHERE number > ? AND number <= ? AND start IS NULL ORDER BY number""",
        [before.number, number],
    )
    codes = before.codes.copy()
    places = frame.indices(ids_of(events["trace_id"]))
    values = events["code"].to_numpy()
    codes[places[places >= 0]] = values[places >= 0]  # Of several on one trace the last one stands.
    return Verdicts(number, codes)
