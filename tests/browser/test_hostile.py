"""Every page with hostile text in every place, light and dark, wide and narrow: nothing runs, nothing asks, all is seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from curation.store.project import Project
from tests.browser.hands import choose
from tests.browser.hostile import hostile_traces, make_hostile
from tests.browser.looking import PAGES, cut_off, fails, nested_scrolls, open_page, row, settle, turn
from tests.browser.watched import WIDE, watched

pytestmark = pytest.mark.browser
NARROW = (1280, 720)
# What text of a trace must never become: images, links and frames; Markdown's own tables have heads.
MADE_OF_TEXT = "img, a:not([data-testid]), script, iframe, embed, object, video, audio, form"


@pytest.fixture
def address(project: Project, serve: Callable[[Path], str]) -> str:
    make_hostile(project)
    return serve(project.root)


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_every_page_is_whole_and_fits(
    browser: Browser, address: str, theme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    found: dict[str, list[str]] = {}
    with watched(browser, theme, size) as context:
        tab = context.new_page()
        open_page(tab, address, "overview")
        for page in PAGES:
            if page != "overview":
                turn(tab, page)
            found[page] = [*fails(tab), *cut_off(tab), *nested_scrolls(tab)]
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


def test_nothing_that_opens_makes_anything_of_text(browser: Browser, address: str) -> None:
    """What is closed or not chosen at first: expanders, other parts of Compare, the map by a hostile kind, filters."""
    with watched(browser) as context:
        tab = context.new_page()
        open_page(tab, address, "overview")
        for page, shown in (
            ("overview", "The line is no JSON"),
            ("review", "a step of"),
            ("runs", "Influence does not see"),
            ("plane", "Spearman"),
            ("proof", "window.hacked"),
        ):
            turn(tab, page)
            closed = tab.locator("[data-testid=stMain] details:not([open]) > summary")
            closed.evaluate_all("all => all.forEach((one) => one.click())")
            settle(tab)
            expect(tab.get_by_text(shown).first).to_be_visible()
            harmless(tab)
        turn(tab, "map")
        choose(tab, "map_colour", "flaw")
        expect(tab.locator(".legendtext", has_text="window.hacked")).to_be_visible()
        harmless(tab)
        turn(tab, "compare")
        for part in ("Two runs", "Near-duplicates"):
            tab.locator(".st-key-compare_what").get_by_text(part).click()
            settle(tab)
            harmless(tab)
        turn(tab, "browse")
        tab.locator(".st-key-filters summary").click()
        settle(tab)
        expect(tab.locator(".st-key-facet_flaw").get_by_text("window.hacked")).to_be_visible()
        harmless(tab)


def test_the_reader_shows_hostile_traces_as_they_are(browser: Browser, address: str) -> None:
    with watched(browser) as context:
        tab = context.new_page()
        open_page(tab, address, "browse", "?view=found")
        tab.locator(".st-key-clear button").click()
        tab.locator(".st-key-reader_show").get_by_text("Side by side").click()
        settle(tab)
        for trace_id in hostile_traces():
            row(tab, trace_id).click()
            expect(tab.locator(".chosen")).to_have_attribute("data-trace", trace_id)
            settle(tab)
            harmless(tab)
        tab.locator(".st-key-reader_show").get_by_text("Rendered").click()
        settle(tab)
        harmless(tab)


def harmless(tab: Page) -> None:
    """No failure, and no element that only text of a trace could have asked for."""
    assert fails(tab) == []
    assert cut_off(tab) == []
    main = tab.locator("[data-testid=stMain]")
    assert (
        main.locator(MADE_OF_TEXT).evaluate_all("found => found.map((one) => one.outerHTML.slice(0, 200))")
        == []
    )
    assert main.locator("table:not(:has(th))").count() == 0
