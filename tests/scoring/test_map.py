"""The map: reproducible, one point a trace, and apart where embeddings are apart."""

from pathlib import Path

import numpy as np
import pytest

from curation.errors import ScoringError
from curation.scoring.map import cluster, lay_out, make_map
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.scoring.conftest import TRACES


def two_clouds(count: int = 60) -> np.ndarray:
    random = np.random.default_rng(0)
    centres = np.repeat(np.eye(8)[:2] * 5, count // 2, axis=0)
    vectors = centres + random.normal(size=(count, 8)) * 0.3
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_what_is_apart_in_embedding_is_apart_on_the_map_and_the_map_is_reproducible() -> None:
    vectors = two_clouds()
    points = lay_out(vectors)
    first, second = points[:30], points[30:]
    between = np.linalg.norm(first.mean(0) - second.mean(0))
    assert between > 2 * max(first.std(), second.std()) or between > np.ptp(first, axis=0).max()
    np.testing.assert_array_equal(points, lay_out(vectors))


def test_clusters_do_not_mix_clouds_and_are_numbered_by_size() -> None:
    labels = cluster(two_clouds())
    assert not set(labels[:30]) & set(labels[30:])
    sizes = np.bincount(labels)
    assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize("count", [2, 5])
def test_a_handful_of_traces_has_a_map_too(count: int) -> None:
    points = lay_out(two_clouds()[:count])
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_a_map_is_published_for_a_run(project: Project, model_folder: Path) -> None:
    with pytest.raises(ScoringError, match="curation score"):
        make_map(project)
    run_id = score(project, ScoreRequest(str(model_folder), scores=("perplexity",))).run_id
    made = make_map(project)
    assert (made.run_id, made.traces, made.file) == (run_id, len(TRACES), "maps/0001.duckdb")
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*), count(DISTINCT trace_id) FROM map") == [
        (len(TRACES), len(TRACES))
    ]
    assert make_map(project, run_id, seed=1).file == "maps/0002.duckdb"
