"""The page that asks which traces make the model more like this."""

from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from curation.store.catalogue import open_catalogue
from curation.store.concepts import About, Concept, publish_concept
from curation.store.database import connect
from curation.store.project import Project
from tests.app.looking import lists, words
from tests.app.project import RUN_ID

Open = Callable[..., AppTest]
ABOUT = About("kind", "models/tiny", "", 1, 2, 4, "mean", positive=9, negative=8, auc=0.55, folds=5)


def add_concept(project: Project, name: str = "kind") -> None:
    """A concept, and two scores of it in the project's only run."""
    publish_concept(project, Concept(About(**{**vars(ABOUT), "name": name}), np.ones(4, np.float32) / 2))
    connection = connect(project.root / "runs" / f"{RUN_ID}.duckdb")
    for family, sign in (("concept", 1), ("concept-vector", -1)):
        connection.execute(
            "INSERT INTO scores SELECT trace_id, ?, ? * value, NULL FROM scores WHERE name = 'nll'",
            [f"{family}/{name}", sign],
        )
    connection.close()


def test_it_says_how_to_make_one(open_app: Open, project: Project) -> None:
    assert "There is no concept yet" in words(open_app(project.root, "concepts"))


def test_a_concept_its_agreement_and_the_traces_at_either_end(open_app: Open, project: Project) -> None:
    add_concept(project)
    app = open_app(project.root, "concepts")
    assert not app.exception
    said = words(app)
    assert "do not trust its scores" in said
    assert "−1.00" in said
    catalogue = open_catalogue(project)
    rows = catalogue.rows("SELECT trace_id FROM scores WHERE name = 'concept/kind' ORDER BY value DESC")
    catalogue.close()
    raised, lowered = lists(app)
    assert rows[0][0] in str(raised)
    assert rows[-1][0] in str(lowered)
    assert rows[-1][0] not in str(raised)


def test_a_damaged_concept_is_named(open_app: Open, project: Project) -> None:
    add_concept(project)
    (project.root / "concepts" / "other.safetensors").write_bytes(b"x")
    app = open_app(project.root, "concepts")
    assert not app.exception
    assert "other.safetensors is no concept" in words(app)
