"""What is near a trace, against brute force."""

from pathlib import Path

import numpy as np
import pytest

from curation.store import nearby
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.app.project import RUN_ID, build_project, texts


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return build_project(tmp_path_factory.mktemp("nearby") / "project")


def test_the_strongest_effects_come_first_on_either_side(project: Project) -> None:
    catalogue = open_catalogue(project)
    trace_id = texts(60)[4].trace_id
    values = dict(catalogue.rows("SELECT query_id, value FROM query_scores WHERE trace_id = ?", [trace_id]))
    helped, harmed = nearby.effects(catalogue, RUN_ID, trace_id, 3)
    ranked = sorted(values, key=values.__getitem__)
    assert [one.query_id for one in harmed] == [one for one in ranked[:3] if values[one] < 0]
    assert [one.query_id for one in helped] == [one for one in ranked[::-1][:3] if values[one] > 0]
    assert all(one.value == values[one.query_id] for one in [*helped, *harmed])
    assert {one.group for one in [*helped, *harmed]} <= {"gold", "correct", "incorrect"}
    assert nearby.effects(catalogue, "no-run", trace_id, 3) == ([], [])


def test_the_nearest_are_those_of_brute_force(project: Project) -> None:
    catalogue = open_catalogue(project)
    rows = catalogue.rows("SELECT trace_id, vector FROM vectors ORDER BY trace_id")
    ids, vectors = [one for one, _ in rows], np.array([vector for _, vector in rows], dtype=np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit[7]
    expected = [ids[i] for i in np.argsort(-cosines) if i != 7][:5]
    found = nearby.alike(catalogue, RUN_ID, ids[7], 5)
    assert [one for one, _ in found] == expected
    assert found[0][1] == pytest.approx(float(np.sort(cosines)[-2]), abs=1e-6)
    assert nearby.alike(catalogue, RUN_ID, "no-such-trace", 5) == []


def test_a_run_without_embeddings_finds_none(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project", count=20)
    assert nearby.alike(open_catalogue(project), "no-run", texts(20)[0].trace_id, 5) == []
