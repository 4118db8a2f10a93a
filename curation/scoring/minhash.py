"""MinHash signatures, and the pairs of traces that locality-sensitive hashing proposes from them (Broder, 1997).

The bands are sorted in NumPy: datasketch's own index keeps a Python set for each band of each trace.
"""

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from curation.traces.shingles import Shingles

PERMUTATIONS = 128
# Pairs at the threshold that may be missed: one in so many.
MISSED = 1_000
# Traces in one bucket that each trace is compared with: a template with thousands of traces costs linear time.
WINDOW = 50
_AT_ONCE = 4_096

Signatures = NDArray[np.uint32]


class Signer:
    """Makes signatures with one drawing of permutations: those of equal seeds can be compared."""

    def __init__(self, seed: int = 0) -> None:
        self._empty = MinHash(PERMUTATIONS, seed=seed, hashfunc=int, scheme="affine32")

    def sign(self, shingles: Shingles) -> Signatures:
        """(S,) hashes -> (PERMUTATIONS,) the least of them under each permutation."""
        made = self._empty.copy()
        for start in range(0, len(shingles), _AT_ONCE):
            made.update_batch((shingles[start : start + _AT_ONCE] & np.uint64(0xFFFFFFFF)).tolist())
        return np.asarray(made.hashvalues, dtype=np.uint32)


def bands(threshold: float) -> tuple[int, int]:
    """(bands, rows): the most rows a band that still propose a pair of this similarity but for one in MISSED."""
    for rows in range(PERMUTATIONS // 2, 1, -1):
        count = PERMUTATIONS // rows
        if (1 - threshold**rows) ** count < 1 / MISSED:
            return count, rows
    return PERMUTATIONS, 1


def proposed_pairs(signatures: Signatures, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of traces that may be as similar as a threshold.

    Proposed are traces that agree in all rows of a band, unless their signatures agree in so few rows in all that a
    similarity of the threshold is out of the question (four standard deviations). In a bucket of more than WINDOW
    traces, each is compared with the WINDOW ones after it.

    Args:
        signatures: (T, PERMUTATIONS) of all traces.
        threshold: Jaccard similarity, above 0 and at most 1.

    Returns:
        (K,) and (K,) rows of `signatures`, each pair once, the smaller row first.
    """
    count, rows = bands(threshold)
    fewest = PERMUTATIONS * threshold - 4 * np.sqrt(PERMUTATIONS * threshold * (1 - threshold))
    columns = np.ascontiguousarray(signatures.T)
    found = np.empty(0, np.int64)
    for band in range(count):
        left, right = _same_bucket(columns[band * rows : (band + 1) * rows])
        agreeing = np.zeros(len(left), np.int16)
        for column in columns:
            agreeing += column[left] == column[right]
        likely = agreeing >= fewest
        found = np.union1d(found, left[likely] * len(signatures) + right[likely])
    return found // len(signatures), found % len(signatures)


def _same_bucket(band: Signatures) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of traces that agree in all rows of a band; `band`: (rows, T)."""
    key = np.zeros(band.shape[1], np.uint64)
    for row in band:  # Two keys that collide cost one needless comparison.
        key = key * np.uint64(0x9E3779B97F4A7C15) + row
    order = np.argsort(key, kind="stable")
    key = key[order]
    lefts, rights = [], []
    for apart in range(1, min(WINDOW, len(order) - 1) + 1):
        same = np.flatnonzero(key[:-apart] == key[apart:])
        if not len(same):
            break
        lefts.append(order[same])
        rights.append(order[same + apart])
    if not lefts:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(lefts), np.concatenate(rights)
