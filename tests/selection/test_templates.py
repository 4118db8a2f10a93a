"""Templates: DuckDB and Python find the same, shares and their effective number are as counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from curation.errors import SelectionError
from curation.selection.templates import templates_of
from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.project import create_project
from curation.store.structure import structure_of
from curation.traces.skeleton import marks, skeleton
from curation.traces.trace import Trace
from tests.app.project import HOSTILE
from tests.projects import add_batch

TEXTS = [
    *(f"Bob has {n}.\nThen {n}.\n#### {n}" for n in range(6)),
    "1. a\n2. b",
    "1. c\n2. d\n3. e",
    "",
    *(text.replace("\x00", "") for text in HOSTILE),
]


def test_the_store_and_python_agree_and_shares_are_right(tmp_path: Path) -> None:
    project = create_project(tmp_path / "project")
    traces = [Trace(f"p{place}", text) for place, text in enumerate(TEXTS)]
    ids = add_batch(project, traces[:9]) + add_batch(project, traces[9:])
    catalogue = open_catalogue(project)
    found, frame, structure = templates_of(catalogue), frame_of(catalogue), structure_of(catalogue)
    for trace_id, text in zip(ids, TEXTS, strict=True):
        place = frame.index(trace_id)
        assert found.skeletons[found.codes[place]] == skeleton(marks(text))
        assert structure.response_length[place] == len(text)
    assert structure.numbers[frame.index(ids[0])] == 3
    assert found.counts[0] == 6
    shares = found.counts / len(TEXTS)
    assert found.effective == pytest.approx(float(np.prod(shares**-shares)))
    assert found.members(found.id(0)).sum() == 6
    with pytest.raises(SelectionError, match="no template"):
        found.members("nonsense")
    catalogue.close()


def test_an_empty_project_has_none(tmp_path: Path) -> None:
    catalogue = open_catalogue(create_project(tmp_path / "project"))
    assert templates_of(catalogue).effective == 0
    catalogue.close()
