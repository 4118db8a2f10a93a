"""The risk flag of a run that looked for unusual gradients: in the reader, and as a facet of Browse."""

from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.projects import add_run

Open = Callable[..., AppTest]
OUTLIERS = {"outlier-forest", "outlier-l1", "outlier-l2", "less/gold"}


def with_outliers(project: Project) -> list[str]:
    """A newer run in which the score rises along the ids; the last two were not scored. The 58 ids that were."""
    catalogue = open_catalogue(project)
    ids = sorted(one for (one,) in catalogue.rows("SELECT trace_id FROM traces"))
    catalogue.close()
    rising = dict(zip(ids[:58], np.linspace(0.3, 0.7, 58).tolist(), strict=True))
    add_run(project, "20990101-000000-outliers", dict.fromkeys(sorted(OUTLIERS), rising), day=9)
    return ids[:58]


def test_the_reader_flags_what_is_beyond_the_threshold(open_app: Open, project: Project) -> None:
    ids = with_outliers(project)
    app = open_app(project.root, "browse", run="20990101-000000-outliers", trace=ids[-1])
    assert ":orange[unusual gradient]" in words(app)
    assert "among the 30% whose gradients" in words(app)
    app = open_app(project.root, "browse", run="20990101-000000-outliers", trace=ids[20])
    assert lists(app)[0]["chosen"] == ids[20]
    assert "nusual gradient" not in words(app)


def test_it_is_a_facet_of_that_run_alone(open_app: Open, project: Project) -> None:
    with_outliers(project)
    app = open_app(project.root, "browse", run="20990101-000000-outliers")
    app.session_state["filters"] = True
    app.run()
    pills = next(one for one in app.pills if one.label == "Gradient")
    assert [option.split()[0] for option in pills.options] == ["unusual", "usual"]
    assert [int(option.split()[1]) for option in pills.options] == [18, 40]
    pills.set_value(["unusual"]).run()
    assert not app.exception
    assert "18" in words(app)
    assert "Gradient is unusual" in words(app)
    older = open_app(project.root, "browse", run="20260102-030405-tiny")
    older.session_state["filters"] = True
    older.run()
    assert "Gradient" not in [one.label for one in older.pills]


def test_every_page_opens_on_a_run_with_these_scores_alone(open_app: Open, project: Project) -> None:
    with_outliers(project)
    for page in ("overview", "browse", "review", "plane", "map", "select", "compare", "runs", "trust"):
        app = open_app(project.root, page, run="20990101-000000-outliers")
        assert not app.exception, page
