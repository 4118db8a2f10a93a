"""Select in a real browser: a click on the histogram moves the threshold, whose slider stands just over the line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.project import build_project
from tests.browser.looking import settle

pytestmark = pytest.mark.browser

# NaN, which fits no comparison, while the chart is drawn anew.
LINE = """() => { const chart = document.querySelector('.js-plotly-plot'), axis = chart?._fullLayout?.xaxis;
    if (!axis) return NaN;
    return chart.getBoundingClientRect().x + axis._offset + axis.l2p(chart._fullLayout.shapes[0].x0) }"""
BARS = """() => { const chart = document.querySelector('.js-plotly-plot'), axis = chart._fullLayout.xaxis;
    const box = chart.getBoundingClientRect(); return [box.x + axis._offset, axis._length, box.y + 80] }"""
HANDLE = """() => { const box = document.querySelector('[data-testid=stMain] [data-testid=stSliderThumbValue]')
    .parentElement.getBoundingClientRect(); return box.x + box.width / 2 }"""


def test_a_click_on_a_bar_moves_the_threshold_there(
    page: Page, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    page.goto(f"{serve(build_project(tmp_path / 'project').root)}/select")
    page.get_by_text("Threshold", exact=True).click(timeout=90_000)
    expect(page.get_by_text("Keep influence/gold of at least")).to_be_visible()
    for share in (0.32, 0.72, 0.72):
        settle(page)
        start, width, y = page.evaluate(BARS)
        x = start + share * width
        page.mouse.move(x - 3, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(400)  # Plotly takes what it hovers over.
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function(f"() => Math.abs(({LINE})() - {x}) < {width / 30}")  # One bar.
        page.wait_for_function(f"() => Math.abs(({LINE})() - ({HANDLE})()) < 2")
        settle(page)
        page.locator("[data-testid=stMain] [data-testid=stSlider] input").first.focus()
        for _ in range(60):  # So that a second click on the same bar has somewhere to come from.
            page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"() => Math.abs(({LINE})() - {x}) > {width / 30}")
