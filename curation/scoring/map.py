"""The map: two coordinates and a cluster for each trace, from one run's embeddings."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from curation.errors import ScoringError
from curation.store.catalogue import open_catalogue
from curation.store.database import load
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import MAP

# UMAP learns the layout from so many traces at most and places the others into it.
LEARN_FROM = 50_000
NEIGHBOURS = 15
MAX_CLUSTERS = 20


@dataclass(frozen=True)
class Mapped:
    """What was mapped: how many traces of which run, in how many clusters, and the file."""

    run_id: str
    traces: int
    clusters: int
    file: str


def make_map(project: Project, run_id: str | None = None, *, seed: int = 0) -> Mapped:
    """Lay out a run's embeddings with UMAP, cluster them with k-means, and publish both as a map of its own.

    Args:
        project: The project.
        run_id: The run whose embeddings are taken; the newest that has any if None.
        seed: Of layout and clusters; the same embeddings and seed give the same map.

    Raises:
        ScoringError: No run has embeddings, or fewer than two traces have one.
    """
    catalogue = open_catalogue(project)
    try:
        if run_id is None:
            newest = "SELECT run_id FROM run WHERE run_id IN (SELECT run_id FROM vectors) ORDER BY finished DESC LIMIT 1"
            found = catalogue.rows(newest)
            run_id = found[0][0] if found else ""
        table = catalogue.table(
            "SELECT trace_id, vector FROM vectors WHERE run_id = $1 ORDER BY trace_id", [run_id]
        )
    finally:
        catalogue.close()
    if len(table) < 2:
        raise ScoringError(
            "A map needs a run with at least two embeddings; compute one with `curation score PROJECT`."
        )
    vectors = np.stack(table["vector"].to_numpy()).astype(np.float32)
    coordinates = lay_out(vectors, seed=seed)
    clusters = cluster(vectors, seed=seed)
    data = pa.table(
        {
            "run_id": [run_id] * len(table),
            "trace_id": table["trace_id"],
            "x": coordinates[:, 0].astype(np.float64),
            "y": coordinates[:, 1].astype(np.float64),
            "cluster": clusters.astype(np.int32),
        }
    )
    before = set(project.maps)
    with publishing(project.root / "maps", MAP) as connection:
        load(connection, "map", data)
    written = sorted(set(project.maps) - before)
    name = str(Path("maps") / written[-1].name) if written else ""
    return Mapped(run_id, len(table), int(clusters.max()) + 1, name)


def lay_out(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """(P, H) unit vectors -> (P, 2) coordinates by cosine distance; a handful of traces is laid out by its main axes."""
    if len(vectors) <= NEIGHBOURS:
        from sklearn.decomposition import PCA

        flat = PCA(n_components=min(2, *vectors.shape), random_state=seed).fit_transform(vectors)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    from umap import UMAP

    chosen = np.random.default_rng(seed).permutation(len(vectors))
    learned, rest = np.sort(chosen[:LEARN_FROM]), np.sort(chosen[LEARN_FROM:])
    reducer = UMAP(n_neighbors=NEIGHBOURS, metric="cosine", random_state=seed, n_jobs=1)
    coordinates = np.empty((len(vectors), 2))
    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coordinates[learned] = reducer.fit_transform(vectors[learned])
        for start in range(0, len(rest), LEARN_FROM):
            some = rest[start : start + LEARN_FROM]
            coordinates[some] = reducer.transform(vectors[some])
    torch.set_num_threads(threads)  # numba changes the number for the whole process
    return coordinates


def cluster(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """(P, H) unit vectors -> (P,) cluster numbers from 0, largest cluster first; about sqrt(P / 10) of them."""
    from sklearn.cluster import MiniBatchKMeans

    count = int(np.clip(round(np.sqrt(len(vectors) / 10)), 1, MAX_CLUSTERS))
    labels = MiniBatchKMeans(n_clusters=count, random_state=seed, n_init=3, batch_size=4096).fit_predict(
        vectors
    )
    sizes = np.bincount(labels, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    renumbered = np.empty(count, dtype=np.int64)
    renumbered[order] = np.arange(count)
    return np.asarray(renumbered[labels])
