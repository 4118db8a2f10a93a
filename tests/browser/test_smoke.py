"""The shortest way through the app in a real browser: read, veto, select, export, and look into the file."""

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
from tests.app.project import HOSTILE, build_project, texts

pytestmark = pytest.mark.browser


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = build_project(tmp_path / "project")
    save_selection(made, "most", Recipe("influence", keep=0.9, group="gold"))
    return made


def ranked(project: Project) -> list[str]:
    catalogue = open_catalogue(project)
    sql = "SELECT trace_id FROM scores WHERE name = 'influence/gold' ORDER BY value DESC, trace_id"
    found = [trace_id for (trace_id,) in catalogue.rows(sql)]
    catalogue.close()
    return found


def test_a_veto_by_keyboard_is_gone_from_the_exported_file(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    first, second = ranked(project)[:2]
    # The first address that a fresh server sees names a page and a trace.
    page.goto(f"{serve(project.root)}/browse?trace={first}")
    chosen = page.locator(".chosen")
    expect(chosen).to_have_attribute("data-trace", first)
    expect(page.get_by_text(re.compile("among the highest"))).to_be_visible()
    page.keyboard.press("v")
    expect(chosen).to_have_attribute("data-trace", second)
    expect(page.locator(f"tr[data-trace='{first}']")).to_have_class(re.compile("veto"))
    expect(page).to_have_url(re.compile(f"trace={second}"))
    page.keyboard.press("v")
    expect(page.locator(f"tr[data-trace='{second}']")).to_have_class(re.compile("veto"))
    page.keyboard.press("z")
    expect(page.locator(f"tr[data-trace='{second}']")).not_to_have_class(re.compile("veto"))
    page.keyboard.press("y")
    expect(page.locator(f"tr[data-trace='{second}']")).to_have_class(re.compile("veto"))
    page.keyboard.press("z")
    expect(page.locator(f"tr[data-trace='{second}']")).not_to_have_class(re.compile("veto"))
    page.get_by_placeholder("Note").press_sequentially("keep, veto: keys typed here are text")
    expect(page.get_by_text("Took back the decision")).to_be_visible()
    # Streamlit loses a click that comes in the same moment as the text: people take longer.
    page.get_by_role("link", name="Export").click(delay=300)
    page.get_by_role("button", name="Write the file").click()
    expect(page.get_by_text(re.compile(r"Wrote 53 traces"))).to_be_visible()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text(re.compile("^Verified"))).to_be_visible()
    lines = (project.root / "exports" / "most-messages.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = {json.loads(line)["messages"][0]["content"] for line in lines}
    by_id = {trace.trace_id: trace.prompt for trace in texts(60)}
    assert by_id[first] not in prompts
    assert by_id[second] in prompts


def test_a_click_on_a_row_opens_it_and_a_reload_finds_it_again(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    third = ranked(project)[2]
    page.goto(f"{serve(project.root)}/browse")
    page.locator(f"tr[data-trace='{third}']").click()
    expect(page.locator(".chosen")).to_have_attribute("data-trace", third)
    expect(page).to_have_url(re.compile(f"trace={third}"))
    page.reload()
    expect(page.locator(".chosen")).to_have_attribute("data-trace", third)


def test_hostile_text_runs_nothing_and_asks_nobody(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    address = serve(project.root)
    for trace in texts(60)[-len(HOSTILE) :]:
        page.goto(f"{address}/browse?trace={trace.trace_id}")
        expect(page.locator(".chosen")).to_have_attribute("data-trace", trace.trace_id)
        page.get_by_text("Side by side").click()
        expect(page.locator(".steps")).to_have_count(3)
        reader = page.locator(".st-key-reader")
        expect(reader.locator("img, a, table:not(:has(th)), script, iframe")).to_have_count(0)
    assert page.evaluate("window.hacked") is None


def test_a_lasso_on_the_map_becomes_a_list(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    page.goto(f"{serve(project.root)}/map")
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    expect(plot).to_be_visible()
    box = plot.bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)]
    x, y = box["x"] + box["width"] * corners[0][0], box["y"] + box["height"] * corners[0][1]
    page.mouse.move(x, y)
    page.mouse.down()
    for across, down in corners[1:]:
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down, steps=8)
    page.mouse.up()
    page.get_by_role("button", name="Show these in Browse").click()
    expect(page.get_by_text(re.compile("traces from a lasso"))).to_be_visible()
