"""A real, empty project for each test, and traces to fill it with."""

from pathlib import Path

import pytest

from curation.store.project import Project, create_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create_project(tmp_path / "project")
