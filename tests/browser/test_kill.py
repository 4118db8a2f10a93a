"""The server is killed at once after a key: what the browser shows as decided is on disk."""

import re
import signal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from curation.store.project import Project
from tests.browser.hands import ranked, verdicts
from tests.browser.looking import open_page, row
from tests.browser.server import start_app
from tests.browser.watched import watched

pytestmark = pytest.mark.browser
# What a browser logs when its server is gone.
GONE = (
    "WebSocket",
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "Network Error",
    "Failed to fetch",
)


def test_no_decision_that_was_shown_is_lost(browser: Browser, project: Project) -> None:
    traces = ranked(project)
    server, address = start_app(project.root)
    try:
        with watched(browser, may_log=GONE) as context:
            tab = context.new_page()
            open_page(tab, address, "browse")
            tab.keyboard.press("v")
            expect(tab.locator(".chosen")).to_have_attribute("data-trace", traces[1])
            server.send_signal(signal.SIGKILL)
            assert server.wait() == -signal.SIGKILL
            assert verdicts(project) == {traces[0]: "veto"}
            server, _ = start_app(project.root, urlsplit(address).port or 0)
            open_page(tab, address, "browse", f"?trace={traces[1]}")
            expect(row(tab, traces[0])).to_have_class(re.compile("veto"))
            for place in (1, 2, 3):
                tab.keyboard.press("k")
                expect(tab.locator(".chosen")).to_have_attribute("data-trace", traces[place + 1])
            tab.keyboard.press("k")
            server.send_signal(signal.SIGKILL)
            server.wait()
            shown = tab.locator("tr.keep").evaluate_all("rows => rows.map((row) => row.dataset.trace)")
            assert set(traces[1:4]) <= set(shown)
            assert dict.fromkeys(shown, "keep").items() <= verdicts(project).items()
    finally:
        server.kill()
        server.wait()
