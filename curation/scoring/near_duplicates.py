"""Near-duplicates: groups of traces that share most of their words, found by MinHash and verified."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from curation.errors import ScoringError
from curation.scoring.minhash import PERMUTATIONS, Signatures, Signer, proposed_pairs
from curation.scoring.progress import OnProgress, Reporter
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.database import load
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import NEAR_DUPLICATES
from curation.traces.shingles import WORDS, Shingles, shingles

LEAST_THRESHOLD = 0.1
_PAIRS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Found:
    """What was found: of how many traces how many are near-duplicates, in how many groups, and the file."""

    threshold: float
    traces: int
    groups: int
    near_duplicates: int
    file: str


def find_near_duplicates(
    project: Project, *, threshold: float = 0.8, seed: int = 0, on_progress: OnProgress | None = None
) -> Found:
    """Group the traces whose problem and response share most of their shingles, and publish the groups.

    Two traces are joined if the Jaccard similarity of their shingles is at least the threshold; a group is what is
    joined by any chain. Which pairs are compared is a matter of chance, fixed by the seed; each is compared exactly.

    Args:
        project: The project.
        threshold: From LEAST_THRESHOLD to 1.
        seed: Of the permutations; the same traces and seed give the same groups, in whatever order they came in.
        on_progress: Told how far it is.

    Raises:
        ScoringError: The threshold is out of range, there is no trace, or a file of traces is damaged.
    """
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise ScoringError(
            f"{threshold} is no threshold for near-duplicates; take one from {LEAST_THRESHOLD} to 1."
        )
    report = Reporter(on_progress=on_progress)
    catalogue = open_catalogue(project)
    try:
        if problem := catalogue.damage("batches"):
            raise ScoringError(f"Nothing was compared, since a file is damaged. {problem}")
        trace_ids, signatures = _signatures(catalogue, seed, report)
        if not len(trace_ids):
            raise ScoringError(
                "The project has no traces; bring some in with `curation ingest PROJECT SOURCE`."
            )
        report.start("pairing", 0)
        left, right = proposed_pairs(signatures, threshold)
        rows, pairs = np.unique([left, right], return_inverse=True)
        compared = _shingles_of(catalogue, trace_ids[rows], report)
    finally:
        catalogue.close()
    similarity = jaccard(compared, *pairs.reshape(2, -1))
    alike = similarity >= threshold
    groups, highest = group(len(trace_ids), left[alike], right[alike], similarity[alike])
    file = _publish(project, trace_ids, groups, highest, threshold, seed)
    return Found(threshold, len(trace_ids), int(groups.max()) + 1, int((groups >= 0).sum()), file)


def jaccard(
    texts: Sequence[Shingles], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(K,) the share of shingles that two texts have in common, of all that either has.

    Args:
        texts: Shingles of each text.
        left: (K,) places in `texts`.
        right: (K,) the other text of each pair.
    """
    if not len(left):
        return np.empty(0)
    sizes = np.array([len(text) for text in texts])
    names, columns = np.unique(np.concatenate(texts), return_inverse=True)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    has = csr_matrix((np.ones(len(columns), np.int32), columns, ends), shape=(len(texts), len(names)))
    shared = np.empty(len(left), np.int64)
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        shared[some] = np.asarray(has[left[some]].multiply(has[right[some]]).sum(axis=1)).ravel()
    return np.asarray(shared / (sizes[left] + sizes[right] - shared), dtype=np.float64)


def group(
    count: int, left: NDArray[np.int64], right: NDArray[np.int64], similarity: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join pairs into groups, numbered from 0, the largest first, then by their first trace.

    Returns:
        (T,) the group of each of `count` traces, -1 where it is in none, and (T,) its highest similarity to another.
    """
    joined = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(count, count))
    _, label = connected_components(joined, directed=False)
    names, first, place, sizes = np.unique(label, return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(names), np.int64)
    number[np.lexsort((first, -sizes))] = np.arange(len(names))
    groups = np.where(sizes[place] > 1, number[place], -1)
    highest = np.zeros(count)
    np.maximum.at(highest, left, similarity)
    np.maximum.at(highest, right, similarity)
    return groups, highest


def _texts(
    catalogue: Catalogue, where: str = "", parameters: list[list[str]] | None = None
) -> Iterator[tuple[str, str]]:
    """(trace_id, what is compared of it), never all in memory."""
    sql = f"SELECT trace_id, prompt || chr(10) || response AS text FROM traces {where}"
    for batch in catalogue.batches(sql, parameters):
        yield from zip(batch["trace_id"].to_pylist(), batch["text"].to_pylist(), strict=True)


def _signatures(catalogue: Catalogue, seed: int, report: Reporter) -> tuple[NDArray[np.object_], Signatures]:
    """((T,) all trace ids, sorted, and (T, PERMUTATIONS) their signatures)."""
    report.start("reading traces", catalogue.rows("SELECT count(*) FROM traces")[0][0])
    signer = Signer(seed)
    found: dict[str, Signatures] = {}
    for trace_id, text in _texts(catalogue):
        found[trace_id] = signer.sign(shingles(text))
        report.advance(1)
    report.finish()
    trace_ids = sorted(found)
    signatures = np.array([found[trace_id] for trace_id in trace_ids], np.uint32).reshape(-1, PERMUTATIONS)
    return np.array(trace_ids, dtype=object), signatures


def _shingles_of(catalogue: Catalogue, trace_ids: NDArray[np.object_], report: Reporter) -> list[Shingles]:
    """The shingles of some traces, in the order of their ids."""
    report.start("comparing", len(trace_ids))
    found: dict[str, Shingles] = {}
    for trace_id, text in _texts(catalogue, "WHERE trace_id IN (SELECT unnest(?))", [trace_ids.tolist()]):
        found[trace_id] = shingles(text)
        report.advance(1)
    report.finish()
    return [found[trace_id] for trace_id in trace_ids]


def _publish(
    project: Project,
    trace_ids: NDArray[np.object_],
    groups: NDArray[np.int64],
    highest: NDArray[np.float64],
    threshold: float,
    seed: int,
) -> str:
    """Write the groups, one after the other, and how they were found; the new file's name."""
    inside = np.flatnonzero(groups >= 0)
    inside = inside[np.argsort(groups[inside], kind="stable")]
    members = pa.table(
        {
            "trace_id": pa.array(trace_ids[inside], pa.string()),
            "group": groups[inside],
            "similarity": highest[inside],
        }
    )
    before = set(project.duplicates)
    with publishing(project.root / "duplicates", NEAR_DUPLICATES) as connection:
        load(connection, "near_duplicates", members)
        connection.execute(
            "INSERT INTO near_duplicate_search (traces, threshold, shingle_words, permutations, seed) VALUES (?, ?, ?, ?, ?)",
            [len(trace_ids), threshold, WORDS, PERMUTATIONS, seed],
        )
    written = sorted(set(project.duplicates) - before)
    return str(Path("duplicates") / written[-1].name) if written else ""
