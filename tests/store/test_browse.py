"""Lines of a list: the words of a few traces, whatever batch they lie in."""

from pathlib import Path

import numpy as np
import pytest

from curation.store.browse import SNIPPET, lines
from curation.store.catalogue import open_catalogue
from curation.store.columns import score_by_trace
from curation.store.frame import _order, as_ids, frame_of
from curation.store.ingest import ingest
from curation.store.project import create_project
from tests.app.project import RUN_ID, build_project


def test_lines_keep_their_order_and_bring_further_scores_along(tmp_path: Path) -> None:
    catalogue = open_catalogue(build_project(tmp_path / "project"))
    known = {
        row[0]: row[1:] for row in catalogue.rows("SELECT trace_id, prompt, response, source FROM traces")
    }
    scores = dict(catalogue.rows("SELECT trace_id, value FROM scores WHERE name = 'tokens'"))
    wanted = sorted(known, reverse=True)
    asked = [(trace_id, 1.5) for trace_id in [*wanted[:9], "no such trace", *wanted[9:]]]
    tokens = score_by_trace(catalogue, RUN_ID, "tokens")
    found = lines(catalogue, asked, {"tokens": tokens, "rsr": np.full(60, np.nan)})
    assert [line.trace_id for line in found] == wanted
    for line in found:
        prompt, response, source = known[line.trace_id]
        assert (line.prompt, line.response, line.source) == (prompt[:SNIPPET], response[:SNIPPET], source)
        assert line.value == 1.5
        assert line.scores == {"tokens": scores[line.trace_id], "rsr": None}


def test_the_frame_aligns_traces_of_several_batches(tmp_path: Path) -> None:
    project = create_project(tmp_path / "project")
    for number in range(3):
        source = tmp_path / f"part-{number}.jsonl"
        rows = [f'{{"prompt": "p{number}-{row}", "response": "r{row}"}}\n' for row in range(20 + number)]
        source.write_text("".join(rows))
        ingest(project, str(source))
    catalogue = open_catalogue(project)
    frame = frame_of(catalogue)
    assert frame is frame_of(catalogue)
    ids = sorted(trace_id for (trace_id,) in catalogue.rows("SELECT trace_id FROM traces"))
    assert list(frame.names) == ids
    assert len(frame) == 63
    for index, trace_id in enumerate(ids):
        assert frame.index(trace_id) == index
        alias = catalogue.batch_aliases[frame.batch[index]]
        sql = f"SELECT trace_id FROM {alias}.traces WHERE rowid = {frame.row[index]}"
        assert catalogue.rows(sql) == [(trace_id,)]
        assert frame.of_batch[frame.batch[index]][frame.row[index]] == index
    shuffled = [*ids[::-2], "zz", "", *ids[:3]]
    expected = [ids.index(one) if one in ids else -1 for one in shuffled]
    assert frame.indices(as_ids(shuffled)).tolist() == expected
    assert frame.index("") == frame.index("ffffffffffffffffff") == -1
    assert [frame.names[i] for i in range(63) if frame.mask(as_ids(ids[4:6]))[i]] == ids[4:6]


@pytest.mark.parametrize("letters", ["ab", "0123456789abcdef"])
@pytest.mark.parametrize("length", [3, 8, 16])
def test_ids_are_ordered_as_numpy_orders_them_equal_ones_first_come_first(letters: str, length: int) -> None:
    random = np.random.default_rng(0)
    ids = as_ids(["".join(one) for one in random.choice(list(letters), (3000, length))])
    np.testing.assert_array_equal(_order(ids), np.argsort(ids, kind="stable"))


def test_the_frame_of_an_empty_project(tmp_path: Path) -> None:
    frame = frame_of(open_catalogue(create_project(tmp_path / "project")))
    assert len(frame) == 0
    assert frame.names == ()
    assert frame.index("a") == -1
    assert frame.indices(as_ids(["a"])).tolist() == [-1]
    assert not frame.mask(as_ids(["a"])).any()
