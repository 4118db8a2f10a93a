"""What a run says of every step, and what people decided on steps, as arrays over all traces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import Bools, Ints, frame_of, ids_of
from curation.store.sorting import order_of_words

Floats = NDArray[np.float64]
# Above any character's place in a response, which the tables keep in 31 bits.
_PLACES = 1 << 31
# Steps that carry no loss already, or that somebody let back in. What an undo gave back is as if nobody had decided.
_DECIDED = """SELECT trace_id, start, stop, verdict = 'veto' AS vetoed FROM
              (SELECT * FROM decisions WHERE start IS NOT NULL
               QUALIFY row_number() OVER (PARTITION BY trace_id, start, stop ORDER BY number DESC) = 1)
              WHERE verdict = 'veto' OR undoes IS NULL"""


@dataclass(frozen=True, eq=False)
class Spans:
    """S steps.

    Attributes:
        trace: (S,) the frame's index of the trace of each.
        start: (S,) where it begins, in characters of the response.
        stop: (S,) where it ends.
    """

    trace: Ints
    start: Ints
    stop: Ints

    def __len__(self) -> int:
        return len(self.trace)

    def __getitem__(self, places: Ints | Bools) -> "Spans":
        return Spans(self.trace[places], self.start[places], self.stop[places])

    @property
    def sizes(self) -> Ints:
        """(S,) characters of each."""
        return self.stop - self.start

    @property
    def keys(self) -> Ints:
        """(S,) numbers that sort steps by trace and place."""
        return self.trace * _PLACES + self.start

    def places_of(self, others: "Spans") -> Ints:
        """Where some other steps are among these, which are sorted by trace and place; -1 for those that are not."""
        if not len(self):
            return np.full(len(others), -1)
        keys, wanted = self.keys, others.keys
        found = np.minimum(np.searchsorted(keys, wanted), len(self) - 1)
        same = (keys[found] == wanted) & (self.stop[found] == others.stop)
        return np.where(same, found, -1)


@dataclass(frozen=True, eq=False)
class StepColumn:
    """A score by step.

    Attributes:
        spans: The steps, sorted by trace and place.
        values: (S,) of each; NaN where the score is not defined.
    """

    spans: Spans
    values: Floats


@dataclass(frozen=True, eq=False)
class StepDecisions:
    """What people decided on steps.

    Attributes:
        spans: The steps, in any order.
        vetoed: (S,) whether it is out of the loss; else somebody let it back in.
    """

    spans: Spans
    vetoed: Bools


def step_score_names(catalogue: Catalogue, run_id: str) -> list[str]:
    """The scores that a run has by step."""
    sql = "SELECT DISTINCT name FROM steps WHERE run_id = ? AND value IS NOT NULL ORDER BY name"
    return [str(name) for (name,) in catalogue.rows(sql, [run_id])]


def step_column(catalogue: Catalogue, run_id: str, name: str) -> StepColumn:
    """Read a score by step; steps of traces that the project no longer holds are left out."""
    sql = "SELECT trace_id, start, stop, value FROM steps WHERE run_id = ? AND name = ?"
    spans, values = _read(catalogue, sql, "value", [run_id, name])
    return StepColumn(spans, values.astype(np.float64))


def step_decisions(catalogue: Catalogue) -> StepDecisions:
    """Read what people decided on steps, as far as nobody took it back."""
    return StepDecisions(*_read(catalogue, _DECIDED, "vetoed", []))


def step_texts(catalogue: Catalogue, spans: Spans, most: int) -> list[tuple[str, str]]:
    """The first `most` characters of a few steps, and of the prompts of their traces."""
    frame = frame_of(catalogue)
    texts = []
    for trace, start, size in zip(
        spans.trace.tolist(), spans.start.tolist(), np.minimum(spans.sizes, most).tolist(), strict=True
    ):
        batch = catalogue.batch_aliases[frame.batch[trace]]
        sql = f"SELECT substr(response, $1, $2), left(prompt, $3) FROM {batch}.traces WHERE rowid = $4"
        texts += catalogue.rows(sql, [start + 1, size, most, int(frame.row[trace])])
    return [(str(step), str(prompt)) for step, prompt in texts]


def _read(catalogue: Catalogue, sql: str, what: str, parameters: Sequence[str]) -> tuple[Spans, NDArray[Any]]:
    """Spans, sorted by trace and place, and a column beside them, of a query in batches: never all ids at once."""
    heads, lengths = [np.zeros(0, "S1")], [np.zeros(0, np.int64)]
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))]
    for batch in catalogue.batches(sql, list(parameters)):
        if not batch.num_rows:
            continue
        ids = ids_of(pa.chunked_array([batch.column("trace_id")]))
        begins = np.append(0, np.flatnonzero(ids[1:] != ids[:-1]) + 1)
        heads.append(ids[begins])
        lengths.append(np.diff(np.append(begins, len(ids))))
        start, stop, other = (
            batch.column(name).to_numpy(zero_copy_only=False) for name in ("start", "stop", what)
        )
        parts.append((start.astype(np.int64), stop.astype(np.int64), other))
    trace = np.repeat(frame_of(catalogue).indices(np.concatenate(heads)), np.concatenate(lengths))
    start, stop, other = (np.concatenate(column) for column in zip(*parts, strict=True))
    spans = Spans(trace, start, stop)
    keys = spans.keys
    if len(trace) and trace.min() >= 0 and bool(np.all(keys[1:] >= keys[:-1])):  # As a run is published.
        return spans, other
    known = np.flatnonzero(trace >= 0)
    order = known[order_of_words(keys[known].astype(np.uint64))]
    return spans[order], other[order]
