"""Two reviewers at once, each in a browser of their own: both decide, both see it, and nothing is lost."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from curation.store.log import decision_log
from curation.store.project import Project
from tests.browser.hands import ranked, verdicts, write
from tests.browser.looking import open_page, row, settle
from tests.browser.watched import watched

pytestmark = pytest.mark.browser
ROUNDS = 5


@pytest.fixture
def tabs(browser: Browser, serve: Callable[[Path], str], project: Project) -> Iterator[tuple[Page, Page]]:
    """Ada's tab and Ben's, both at the first trace of Browse."""
    address = serve(project.root)
    with watched(browser) as one, watched(browser) as other:
        tabs = one.new_page(), other.new_page()
        for tab, name in zip(tabs, ("Ada", "Ben"), strict=True):
            open_page(tab, address, "browse")
            write(tab, "reviewer", name)
        yield tabs


def at(tab: Page, trace_id: str) -> None:
    expect(tab.locator(".chosen")).to_have_attribute("data-trace", trace_id)


def log(project: Project, actor: str) -> list[tuple[str, str]]:
    """A reviewer's own decisions, in order, without what was taken back or brought back."""
    events = decision_log(project).to_pylist()
    return [(e["trace_id"], e["verdict"]) for e in events if e["actor"] == actor and e["undoes"] is None]


def test_both_decide_on_the_same_traces_at_the_same_time(tabs: tuple[Page, Page], project: Project) -> None:
    ada, ben = tabs
    traces = ranked(project)
    for place in range(ROUNDS):
        # Neither waits for the other: both keys are down before either page has answered.
        ada.keyboard.press("v")
        ben.keyboard.press("k")
        at(ada, traces[place + 1])
        at(ben, traces[place + 1])
    assert log(project, "Ada") == [(trace_id, "veto") for trace_id in traces[:ROUNDS]]
    assert log(project, "Ben") == [(trace_id, "keep") for trace_id in traces[:ROUNDS]]
    numbers = decision_log(project)["number"].to_pylist()
    assert numbers == list(range(1, 2 * ROUNDS + 1))
    for tab in tabs:
        tab.keyboard.press("ArrowRight")
        at(tab, traces[ROUNDS + 1])
        for trace_id, verdict in verdicts(project).items():
            expect(row(tab, trace_id)).to_have_class(re.compile(verdict))


def test_a_reviewer_sees_the_others_decision_and_takes_back_only_their_own(
    tabs: tuple[Page, Page], project: Project
) -> None:
    ada, ben = tabs
    first, second, third = ranked(project)[:3]
    ada.keyboard.press("v")
    at(ada, second)
    ben.keyboard.press("ArrowRight")
    expect(row(ben, first)).to_have_class(re.compile("veto"))
    at(ben, second)
    ben.keyboard.press("k")
    at(ben, third)
    # Ben's is the last decision of all, Ada's own the one before.
    ada.keyboard.press("z")
    at(ada, first)
    assert verdicts(project) == {second: "keep"}
    expect(row(ada, second)).to_have_class(re.compile("keep"))
    ada.keyboard.press("z")
    expect(ada.get_by_text("Ada has no decision to take back.")).to_be_visible()
    ben.keyboard.press("z")
    at(ben, second)
    assert verdicts(project) == {}
    expect(row(ben, first)).not_to_have_class(re.compile("veto"))


def test_on_one_trace_what_still_stands_comes_back(tabs: tuple[Page, Page], project: Project) -> None:
    ada, ben = tabs
    first, second = ranked(project)[:2]
    ada.keyboard.press("v")
    at(ada, second)
    ben.keyboard.press("k")
    at(ben, second)
    assert verdicts(project) == {first: "keep"}
    ben.keyboard.press("z")
    at(ben, first)
    settle(ben)
    assert verdicts(project) == {first: "veto"}
    history = ben.locator(".st-key-reader").inner_text()
    assert "Ada" in history
    assert "Ben" in history
