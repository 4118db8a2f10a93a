"""Steps of a curator's day that find traces: a search, and filters under a name whose link shows them to others."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.store.saved_views import load_view
from tests.app.project import texts
from tests.browser.hands import brush, click, write
from tests.browser.looking import settle, turn

TRACES = {trace.trace_id: trace for trace in texts(60)}


def search(tab: Page) -> None:
    """A search counts, marks what it found in list and reader, and can be cleared."""
    turn(tab, "browse")
    write(tab, "browse_search", "4 apples each")
    found = sum("4 apples each" in f"{one.prompt}\n{one.response}" for one in TRACES.values())
    expect(tab.get_by_text(re.compile(rf"^{found} traces:.*4 apples each"))).to_be_visible()
    expect(tab.locator(".st-key-traces mark").first).to_have_text("4 apples each")
    expect(tab.locator(".st-key-reader mark").first).to_have_text("4 apples each")
    click(tab, "clear")
    expect(tab.get_by_text(f"{len(TRACES)} traces", exact=True)).to_be_visible()


def save_a_view_and_open_its_link(context: BrowserContext, tab: Page, project: Project) -> None:
    """A stroke across the histogram limits the score; the view has a name, and its link shows it to others."""
    tab.locator(".st-key-filters summary").click()
    settle(tab)
    brush(tab, "brush", 0.55, 0.85)
    tab.get_by_role("button", name="Views").click()
    tab.locator(".st-key-view_name input").fill("middling")
    tab.locator(".st-key-view_name input").press("Enter")
    settle(tab)
    click(tab, "save_view")
    (limits,) = load_view(project, "middling").ranges
    assert limits.low is not None
    assert limits.high is not None
    assert limits.low < limits.high
    catalogue = open_catalogue(project)
    sql = "SELECT count(*) FROM scores WHERE name = ? AND value BETWEEN ? AND ?"
    ((count,),) = catalogue.rows(sql, [limits.score, limits.low, limits.high])
    catalogue.close()
    assert 0 < count < len(TRACES)
    words = re.compile(rf"^{count} traces:.*influence/gold")
    expect(tab.get_by_text(words)).to_be_visible()
    expect(tab).to_have_url(re.compile("view=middling"))
    other = context.new_page()
    other.goto(tab.url)
    expect(other.get_by_text(words)).to_be_visible()
    other.close()
