"""The running app, a project of its own for each test, and a real browser."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from curation.store.project import Project, open_project
from tests.app.project import build_project
from tests.browser.server import ARGUMENTS, chromium, start_app
from tests.browser.watched import watched

# A first page compiles and loads a good deal; on a busy machine that takes its time.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_project(tmp_path_factory.mktemp("built") / "project").root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Project:
    return open_project(Path(shutil.copytree(built, tmp_path / "project")))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Start the app on a project folder; give its address."""
    servers: list[subprocess.Popen[bytes]] = []

    def start(root: Path) -> str:
        server, address = start_app(root)
        servers.append(server)
        return address

    yield start
    for server in servers:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def page(browser: Browser, serve: Callable[[Path], str]) -> Iterator[Page]:
    """A tab under watch; it is closed before the server that it looks at."""
    with watched(browser) as context:
        yield context.new_page()
