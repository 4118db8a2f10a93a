"""What tests of several folders share; nothing heavy is imported before a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from curation.store.project import Project


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished demo on a small pool, built once for all tests: copy its folder before you change it."""
    from curation.demo.build import build_demo
    from tests.demo.small import SMALL

    return build_demo(tmp_path_factory.mktemp("demo") / "project", settings=SMALL)
