"""Fixtures on the demo's problems."""

from pathlib import Path

import pytest

from curation.demo.make_base import BASE
from curation.demo.problems import right_response
from curation.models.load import LanguageModel, load_model
from curation.store.project import Project
from tests.validation.project import POOL, scored_project, write_rows


@pytest.fixture(scope="session")
def base() -> str:
    return str(BASE)


@pytest.fixture(scope="session")
def model(base: str) -> LanguageModel:
    return load_model(base, device="cpu")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return scored_project(tmp_path / "project")


@pytest.fixture
def problems_file(tmp_path: Path) -> str:
    """24 problems with a solution each; the base model answers a few of them right."""
    rows = [{"prompt": one.prompt, "completion": right_response(one)} for one in POOL.test]
    return write_rows(tmp_path / "problems.jsonl", rows)
