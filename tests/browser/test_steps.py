"""Vetoing a step in a real browser: struck through at once, on disk, undone by Z, and out of the exported loss."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.ui.format import short_id
from tests.app.project import lines_of
from tests.browser.finding import TRACES
from tests.browser.hands import ranked
from tests.browser.looking import open_page, row, settle, turn

pytestmark = pytest.mark.browser


@pytest.fixture
def project(project: Project) -> Project:
    save_selection(project, "all", Recipe("influence", keep=1.0, group="gold"))
    return project


# Choose a trace, wait, click the second step of what is shown; gives its text.
_CHOOSE_AND_CLICK = """async ([other, delay]) => {
    const find = (what) => [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector(what)).find(Boolean);
    find(`tr[data-trace='${other}']`).click();
    await new Promise((done) => setTimeout(done, delay));
    const step = find('.steps:not(.bare) .step:nth-child(2)');
    step.querySelector('button').click();
    return step.querySelector('.text').textContent.trim();
}"""


def vetoed(project: Project) -> list[tuple[int, int]]:
    catalogue = open_catalogue(project)
    found = catalogue.rows("SELECT start, stop FROM step_vetoes ORDER BY start")
    catalogue.close()
    return found


def test_a_vetoed_step_leaves_the_loss_and_stays_in_the_trace(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    catalogue = open_catalogue(project)
    trace_id, response = catalogue.rows(
        "SELECT trace_id, response FROM traces ORDER BY source_row, trace_id LIMIT 1 OFFSET 9"
    )[0]
    catalogue.close()
    page.goto(f"{serve(project.root)}/browse?trace={trace_id}")
    second = page.locator(".steps:not(.bare) .step").nth(1)
    second.get_by_role("button").click()
    expect(second).to_have_class(re.compile("vetoed"))
    expect(page.get_by_text("1 step vetoed")).to_be_visible()
    ((start, stop),) = vetoed(project)
    page.keyboard.press("z")
    expect(second).not_to_have_class(re.compile("vetoed"))
    assert vetoed(project) == []
    second.get_by_role("button").click()
    expect(second).to_have_class(re.compile("vetoed"))
    page.reload()
    expect(second).to_have_class(re.compile("vetoed"))
    page.get_by_role("link", name="Export").click(delay=300)
    expect(
        page.get_by_text(re.compile("has vetoed steps, which the format messages cannot carry"))
    ).to_be_visible()
    page.get_by_text(re.compile("Leave out the traces with vetoed steps")).click()
    expect(page.get_by_text(re.compile("has vetoed steps"))).not_to_be_visible()
    page.get_by_role("button", name="Write the file").click(delay=300)
    expect(page.get_by_text(re.compile(r"Wrote 59 traces"))).to_be_visible()
    page.get_by_role("combobox", name="Format").click()
    page.get_by_role("option", name="segments").click()
    expect(page.get_by_text(re.compile("this format says that they carry no loss"))).to_be_visible()
    page.get_by_role("button", name="Write the file").click()
    expect(page.get_by_text(re.compile(r"Wrote 60 traces"))).to_be_visible()
    lines = (project.root / "exports" / "all-segments.jsonl").read_text(encoding="utf-8").splitlines()
    masked = [row["segments"] for row in map(json.loads, lines) if len(row["segments"]) > 2]
    pieces = next(one for one in masked if "".join(piece["text"] for piece in one[1:]) == response)
    assert [piece["text"] for piece in pieces[1:] if not piece["label"]] == [response[start:stop]]


def test_the_worst_steps_are_vetoed_at_once_read_and_taken_back(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    open_page(page, serve(project.root), "steps")
    button = page.get_by_role("button", name=re.compile(r"Veto \d+ steps of"))
    count = int(button.inner_text().split()[1])
    worst = page.locator("tr.trace").first
    worst_id = worst.get_attribute("data-trace")
    assert worst_id
    button.click()
    expect(page.get_by_text(re.compile(f"Vetoed {count} steps of"))).to_be_visible()
    settle(page)
    assert len(vetoed(project)) == count
    expect(page.get_by_role("button", name="Veto 0 steps of 0 traces")).to_be_disabled()
    open_page(page, page.url.split("/steps")[0], "browse", f"?trace={worst_id}")
    expect(page.locator(".steps:not(.bare) .step.vetoed").first).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator(".steps:not(.bare) .step.vetoed")).to_have_count(0)
    assert vetoed(project) == []
    turn(page, "steps")
    row(page, worst_id).first.click()
    reader = page.locator(".st-key-reader")
    expect(reader.get_by_text(short_id(worst_id), exact=True).first).to_be_visible()


def test_a_click_on_a_step_is_about_the_trace_that_was_shown(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    """Another trace is chosen, and a step is clicked a moment later, when the browser may still show the one before."""
    order = [one for one in ranked(project) if len(lines_of(TRACES[one].response)) > 2]
    open_page(page, serve(project.root), "browse")
    wanted = set()
    for place, delay in enumerate((30, 60, 90, 120, 160, 200, 300)):
        first, second = order[2 * place : 2 * place + 2]
        row(page, first).click()
        expect(page.locator(".st-key-reader").get_by_text(short_id(first), exact=True).first).to_be_visible()
        settle(page)
        text = page.evaluate(_CHOOSE_AND_CLICK, [second, delay])
        expect(page.locator(".st-key-reader").get_by_text(short_id(second), exact=True).first).to_be_visible()
        settle(page)
        shown = first if text in TRACES[first].response else second
        wanted.add((shown, *lines_of(TRACES[shown].response)[1]))
    catalogue = open_catalogue(project)
    found = catalogue.rows("SELECT trace_id, start, stop FROM step_vetoes")
    catalogue.close()
    assert set(found) == wanted
