"""The page on which a curator asks whether to believe."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.catalogue import open_catalogue
from curation.store.overview import runs
from curation.store.project import Project, create_project
from curation.ui.findings import VERDICT_MARKS
from curation.validation.trust import trust
from tests.app.looking import words

Open = Callable[..., AppTest]


def test_every_finding_stands_on_the_page_with_its_verdict(open_app: Open, project: Project) -> None:
    catalogue = open_catalogue(project)
    findings = trust(catalogue, runs(catalogue)[0])
    catalogue.close()
    said = words(open_app(project.root, "trust"))
    assert len(findings) == 7
    for one in findings:
        assert f"**{one.question}** \u2002 {VERDICT_MARKS[one.verdict]}" in said
    assert "fewer than four" not in said
    assert "curation validate PROJECT" in said


@pytest.mark.parametrize("page", ["trust"])
def test_without_a_run_it_says_what_is_missing(
    open_app: Open, tmp_path_factory: pytest.TempPathFactory, page: str
) -> None:
    project = create_project(tmp_path_factory.mktemp("empty") / "project")
    assert "There is no run to judge yet" in words(open_app(project.root, page))
