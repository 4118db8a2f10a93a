"""Single queries' influence as a matrix, against the table row by row."""

from pathlib import Path

import numpy as np

from curation.store.catalogue import open_catalogue
from curation.store.query_values import query_values
from tests.app.project import RUN_ID, build_project, texts


def test_rows_are_queries_and_columns_are_traces(tmp_path: Path) -> None:
    catalogue = open_catalogue(build_project(tmp_path / "project", traces=texts(12)))
    wanted = [str(one) for (one,) in catalogue.rows("SELECT trace_id FROM traces ORDER BY 1 LIMIT 7")]
    found = query_values(catalogue, RUN_ID, "gold", [*wanted, "gone"])
    table = {
        (query, trace): value
        for trace, query, value in catalogue.rows(
            "SELECT trace_id, query_id, value FROM query_scores WHERE query_id IN "
            """(SELECT query_id FROM queries WHERE "group" = 'gold')"""
        )
    }
    queries = sorted({query for query, _ in table})
    assert len(queries) > 1
    assert (found.query_ids, found.trace_ids) == (tuple(queries), tuple(wanted))
    assert np.array_equal(found.values, [[table[query, trace] for trace in wanted] for query in queries])
    assert query_values(catalogue, RUN_ID, "no such group", wanted).values.shape == (0, 0)
    assert query_values(catalogue, RUN_ID, "gold", []).values.shape == (0, 0)
    catalogue.close()
