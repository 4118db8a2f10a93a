"""All traces of a project in one order: every array of scores, verdicts and kinds is aligned with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.sorting import order_of_words

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Ids = NDArray[np.bytes_]


@dataclass(frozen=True, eq=False)
class Frame:
    """T traces, sorted by id.

    Attributes:
        ids: (T,) ids as byte strings, each once.
        batch: (T,) which of the catalogue's batches holds a trace's text.
        row: (T,) its row there.
        of_batch: For each batch the index in `ids` of each of its rows, to align what is read in the order of a file.
    """

    ids: Ids
    batch: NDArray[np.int32]
    row: Ints
    of_batch: tuple[Ints, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The ids as texts, made at first use."""
        return tuple(self.ids.astype(str).tolist())

    def name(self, index: int) -> str:
        """The id of one trace."""
        return str(self.ids[index].decode())

    def texts_of(self, indices: Ints) -> NDArray[np.str_]:
        """The ids of many traces as an array, which a chart takes without looking at each."""
        return self.ids[indices].astype(np.str_)

    def names_of(self, indices: Ints) -> list[str]:
        """The ids of some traces."""
        return [one.decode() for one in self.ids[indices].tolist()]

    def index(self, trace_id: str) -> int:
        """Where a trace stands; -1 if the project does not hold it."""
        wanted = trace_id.encode()
        found = int(np.searchsorted(self.ids, wanted)) if wanted else len(self.ids)
        return found if found < len(self.ids) and self.ids[found] == wanted else -1

    def indices(self, ids: Ids) -> Ints:
        """Where some traces stand, -1 for those that the project does not hold."""
        if len(ids) == len(self.ids) and np.array_equal(ids, self.ids):
            return np.arange(len(ids))
        if not len(self.ids):
            return np.full(len(ids), -1)
        order = np.argsort(ids)  # Looking up in order is several times faster.
        found = np.empty(len(ids), dtype=np.int64)
        found[order] = np.minimum(np.searchsorted(self.ids, ids[order]), len(self.ids) - 1)
        return np.where(self.ids[found] == ids, found, -1)

    def aligned(self, ids: Ids, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T,) values that are known by id; NaN for a trace that has none."""
        if len(ids) == len(self.ids) and np.array_equal(ids, self.ids):
            return values
        found = np.full(len(self.ids), np.nan)
        places = self.indices(ids)
        found[places[places >= 0]] = values[places >= 0]
        return found

    def mask(self, ids: Ids) -> Bools:
        """(T,) whether each trace is among some."""
        inside = np.zeros(len(self.ids), dtype=bool)
        found = self.indices(ids)
        inside[found[found >= 0]] = True
        return inside


def frame_of(catalogue: Catalogue) -> Frame:
    """The frame of an open project, read once."""
    return catalogue.once("frame", lambda: _read(catalogue))


def as_ids(trace_ids: Sequence[str]) -> Ids:
    """Ids as an array of byte strings."""
    return np.array([one.encode() for one in trace_ids], dtype=np.bytes_) if trace_ids else np.zeros(0, "S1")


def ids_of(column: pa.ChunkedArray) -> Ids:
    """A column of ids as an array of byte strings; without a copy where all are of one length, as hashes are."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # No chunk, or too much for one.
        return as_ids(column.to_pylist())
    _, offsets, content = whole.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[whole.offset : whole.offset + len(whole) + 1]
    lengths = np.diff(ends)
    if not len(whole) or whole.null_count or lengths.min() != lengths.max() or not lengths[0]:
        return as_ids(column.to_pylist())
    letters = np.frombuffer(content, dtype=np.uint8)[ends[0] : ends[-1]]
    return letters.view(f"S{lengths[0]}")


def _read(catalogue: Catalogue) -> Frame:
    every = [
        ids_of(catalogue.table(f"SELECT trace_id FROM {alias}.traces")["trace_id"])
        for alias in catalogue.batch_aliases
    ]
    together = np.concatenate(every) if every else np.zeros(0, "S1")
    order = _order(together)
    ids = together[order]
    is_new = np.ones(len(ids), dtype=bool)
    is_new[1:] = ids[1:] != ids[:-1]
    places = np.empty(len(ids), dtype=np.int64)
    places[order] = np.cumsum(is_new) - 1
    first = order[is_new]
    starts = np.cumsum([0, *(len(one) for one in every)])
    batch = np.repeat(np.arange(len(every), dtype=np.int32), np.diff(starts))[first]
    parts = tuple(places[start:stop] for start, stop in pairwise(starts))
    return Frame(ids[is_new], batch, first - starts[batch], parts)


def _order(ids: Ids) -> Ints:
    """What sorts ids, equal ones in their order: by their first eight bytes as a number, and whole where these are tied."""
    if ids.dtype.itemsize % 8:
        return np.argsort(ids, kind="stable")
    words = np.ascontiguousarray(ids).view(">u8").reshape(len(ids), -1)[:, 0].astype(np.uint64)
    order = order_of_words(words)
    same = words[order[1:]] == words[order[:-1]]
    tied = np.zeros(len(ids), dtype=bool)
    tied[1:] |= same
    tied[:-1] |= same
    among = order[tied]
    order[tied] = among[np.argsort(ids[among], kind="stable")]
    return order
