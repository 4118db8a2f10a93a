"""The running app and a real browser."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.server import ARGUMENTS, chromium, start_app

# A first page compiles and loads a good deal; on a busy machine that takes its time.
expect.set_options(timeout=30_000)


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
def page(browser: Browser) -> Iterator[Page]:
    """A tab that may ask nobody but this machine."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    yield tab
    context.close()
    elsewhere = [url for url in asked if not url.startswith(("http://localhost:", "data:", "blob:"))]
    assert elsewhere == []
