"""What a curator's hands do: write a name, draw on a chart, choose from a list."""

import re
from collections.abc import Sequence

import numpy as np
from playwright.sync_api import Locator, Page, expect

from curation.store.catalogue import open_catalogue
from curation.store.log import decision_log
from curation.store.project import Project
from tests.browser.looking import settle, widget

Corner = tuple[float, float]
LEFT_HALF: tuple[Corner, ...] = ((0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99), (0.01, 0.01))
# Where points of a chart lie in the window, and what each of them is.
_POINTS = """(plot) => {
    const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
    return plot._fullData.flatMap((trace) => trace.customdata.map((name, i) => [
        name, box.left + xaxis._offset + xaxis.d2p(trace.x[i]), box.top + yaxis._offset + yaxis.d2p(trace.y[i])]));
}"""


def write(tab: Page, key: str, text: str) -> None:
    """Write into the text input of a key, and leave it by Enter."""
    field = widget(tab, key).locator("input")
    field.fill(text)
    field.press("Enter")
    field.blur()  # Keys are shortcuts again.
    settle(tab)


def choose(tab: Page, key: str, option: str) -> None:
    """Choose from the list of a key."""
    widget(tab, key).get_by_role("combobox").click()
    tab.get_by_role("option", name=option, exact=True).click()
    settle(tab)


def click(tab: Page, key: str) -> None:
    """Click the button of a key."""
    tab.locator(f".st-key-{key} button").click()
    settle(tab)


def lasso(tab: Page, chart: str, corners: Sequence[Corner] = LEFT_HALF) -> set[str]:
    """Draw around a part of a chart, given as shares of its width and height; give the traces that lie inside."""
    area = _area(tab, chart)
    box = area.bounding_box()
    assert box is not None
    path = [(box["x"] + box["width"] * across, box["y"] + box["height"] * down) for across, down in corners]
    points = tab.locator(f".st-key-{chart} .js-plotly-plot").evaluate(_POINTS)
    _draw(tab, path)
    expect(tab.locator(".st-key-lasso_browse")).to_be_visible()
    settle(tab)
    (left, top), (right, bottom) = np.min(path, axis=0), np.max(path, axis=0)
    return {name for name, x, y in points if left < x < right and top < y < bottom}


def brush(tab: Page, chart: str, start: float, stop: float) -> None:
    """Draw across a chart, from one share of its width to another."""
    area = _area(tab, chart)
    box = area.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    _draw(tab, [(box["x"] + box["width"] * share, middle) for share in (start, stop)])
    settle(tab)


def _area(tab: Page, chart: str) -> Locator:
    area = tab.locator(f".st-key-{chart} .js-plotly-plot .nsewdrag").first
    area.scroll_into_view_if_needed()
    return area


def _draw(tab: Page, path: Sequence[tuple[float, float]]) -> None:
    tab.mouse.move(*path[0])
    tab.mouse.down()
    for x, y in path[1:]:
        tab.mouse.move(x, y, steps=6)
    tab.mouse.up()


def kept_in_words(tab: Page) -> int:
    """How many traces the sidebar says that the current selection keeps."""
    line = tab.locator("[data-testid=stSidebar]").get_by_text(re.compile("^Keeps"))
    found = re.search(r"Keeps ([\d,]+) of", line.inner_text())
    assert found
    return int(found[1].replace(",", ""))


def ranked(project: Project, score: str = "influence/gold") -> list[str]:
    """All traces by a score, highest first, as Browse lists them."""
    catalogue = open_catalogue(project)
    sql = "SELECT trace_id FROM scores WHERE name = ? ORDER BY value DESC, trace_id"
    found = [trace_id for (trace_id,) in catalogue.rows(sql, [score])]
    catalogue.close()
    return found


def verdicts(project: Project) -> dict[str, str]:
    """What holds now for each trace that is decided, as the log on disk says."""
    current: dict[str, str] = {}
    for event in decision_log(project).to_pylist():
        if event["start"] is None:
            current[event["trace_id"]] = event["verdict"]
    return {trace_id: verdict for trace_id, verdict in current.items() if verdict != "undecided"}
