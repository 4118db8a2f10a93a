"""Steps with scores of their own in the reader: grace and segments are offered, coloured and explained."""

from collections.abc import Callable

import pyarrow as pa
from streamlit.testing.v1 import AppTest

from curation.store.catalogue import open_catalogue
from curation.store.database import load
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import RUN
from curation.traces.steps import split_steps
from tests.app.looking import step_views, words


def test_the_reader_colours_steps_by_grace_and_leaves_undefined_ones_plain(
    project: Project, open_app: Callable[..., AppTest]
) -> None:
    catalogue = open_catalogue(project)
    trace_id, response = next(
        row
        for row in catalogue.rows("SELECT trace_id, response FROM traces ORDER BY 1")
        if len(split_steps(row[1])) > 1
    )
    catalogue.close()
    values = [None, -0.5, *[0.25] * 9]
    rows = [
        {"trace_id": trace_id, "step": s, "start": start, "stop": stop, "name": "grace", "value": values[s]}
        for s, (start, stop) in enumerate(split_steps(response)[:11])
    ]
    with publishing(project.root / "runs", RUN, "later") as connection:
        connection.execute("INSERT INTO run (run_id, model, finished) VALUES ('later', 'tiny', '2030-01-01')")
        load(connection, "scores", pa.table({"trace_id": [trace_id], "name": ["grace"], "value": [-0.1]}))
        load(connection, "steps", pa.Table.from_pylist(rows))
    app = open_app(project.root, "browse", run="later", trace=trace_id)
    assert not app.exception
    shown = next(view for view in step_views(app) if view["numbered"])
    assert shown["signed"]
    assert [step["share"] for step in shown["steps"][:2]] == [None, -1.0]
    assert "The trace has the mean of its steps" in words(app)
