"""Facets: the source, and metadata keys that sort traces into a few kinds."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import Bools, frame_of

# Facets that are no metadata, and that no metadata key can be called: the one that every project has,
SOURCE = ":source"
# and that of a run which looked for outliers (`store.outliers`).
GRADIENT = ":gradient"
MOST_KEYS, MOST_VALUES, LOOKED_AT = 12, 20, 1000


@dataclass(frozen=True, eq=False)
class Facet:
    """What kind each trace is of.

    Attributes:
        key: SOURCE, or the metadata key.
        values: The kinds, the most frequent first.
        codes: (T,) place in `values` for each trace of the frame; -1 where it has no such key.
    """

    key: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]

    def counts(self, inside: Bools) -> list[int]:
        """How many traces of each kind are among some."""
        known = self.codes[inside & (self.codes >= 0)]
        return [int(count) for count in np.bincount(known, minlength=len(self.values))]

    def mask(self, values: tuple[str, ...]) -> Bools:
        """(T,) whether each trace is of one of some kinds."""
        chosen = np.array(
            [value in values for value in self.values] + [False]
        )  # The last is that of code -1.
        return chosen[self.codes]


def facet_keys(catalogue: Catalogue) -> list[str]:
    """SOURCE and the metadata keys that have few values in the first 1,000 traces."""
    sampled = catalogue.rows(f"SELECT metadata FROM traces LIMIT {LOOKED_AT}")
    values: dict[str, set[str]] = {}
    for (text,) in sampled:
        for key, value in _object(text).items():
            if isinstance(value, str | int | bool) and value != "":
                values.setdefault(key, set()).add(str(value))
    few = [key for key in sorted(values) if len(values[key]) <= MOST_VALUES and key not in (SOURCE, GRADIENT)]
    return [SOURCE, *few[:MOST_KEYS]]


def facet(catalogue: Catalogue, key: str) -> Facet:
    """Read one facet of all traces."""
    frame = frame_of(catalogue)
    column = "source" if key == SOURCE else "metadata ->> $1"
    parts = [
        catalogue.table(
            f"SELECT {column} AS value FROM {alias}.traces", None if key == SOURCE else [pointer(key)]
        )
        for alias in catalogue.batch_aliases
    ]
    codes = np.full(len(frame), -1, dtype=np.int32)
    if not parts:
        return Facet(key, (), codes)
    found = pa.concat_tables(parts)["value"].combine_chunks().dictionary_encode()
    names = found.dictionary.to_pylist()
    raw = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    counts = np.bincount(raw[raw >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda place: (-counts[place], names[place]))
    order = [place for place in order if names[place] != ""]
    new = np.full(len(names) + 1, -1, dtype=np.int32)
    new[order] = np.arange(len(order))
    if len(raw):
        codes[np.concatenate(frame.of_batch)] = new[raw]
    return Facet(key, tuple(names[place] for place in order), codes)


def pointer(key: str) -> str:
    """A JSON pointer (RFC 6901) to a key of the metadata."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _object(text: str | None) -> dict[str, object]:
    try:
        loaded = json.loads(text or "{}")
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}
