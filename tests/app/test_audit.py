"""The page on which a curator asks what the pool looks like, and what a score follows from."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.project import Project, create_project
from curation.validation.trial import Trial
from curation.validation.unlearned import Unlearned, keep_unlearned
from tests.app.looking import words

Open = Callable[..., AppTest]


def test_format_drivers_and_unlearning_are_on_the_page(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "audit")
    said = words(app)
    assert "Is it all one template?" in said
    assert "Do the sources look alike to the model?" in said
    assert "Is influence/gold a feature of the text in disguise?" in said
    assert "curation unlearn" in said
    assert "rsr" in words(app.selectbox(key="audit_score").select("rsr").run())
    own = [Trial("cluster 1", seed, 9, 3, -1.0, 0.9 + seed / 100, 10) for seed in range(3)]
    random = [Trial("random", seed, 9, 3, -1.0, 0.8 + seed / 90, 10) for seed in range(3)]
    before = Trial("before", 0, 0, 0, -1.0, 0.85, 10)
    keep_unlearned(project, Unlearned("cluster 1", "tuned", 9, 3, before, own, random))
    said = words(open_app(project.root, "audit"))
    assert "Does forgetting cluster 1 improve held-out answers?" in said
    assert "the model is better without these traces" in said


def test_a_template_leads_to_its_traces(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "audit")
    button = next(one for one in app.button if str(one.key).startswith("template_"))
    assert "among 53 chosen traces" in words(button.click().run())


@pytest.mark.parametrize("page", ["audit"])
def test_without_traces_it_says_what_is_missing(
    open_app: Open, tmp_path_factory: pytest.TempPathFactory, page: str
) -> None:
    project = create_project(tmp_path_factory.mktemp("empty") / "project")
    assert "nothing to look at yet" in words(open_app(project.root, page))
