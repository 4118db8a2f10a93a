"""The shortest way through the app in a real browser: read, veto, select, export, and look into the file."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.project import Project
from tests.app.project import texts
from tests.browser.hands import lasso, ranked
from tests.browser.looking import open_page, settle

pytestmark = pytest.mark.browser


@pytest.fixture
def project(project: Project) -> Project:
    save_selection(project, "most", Recipe("influence", keep=0.9, group="gold"))
    return project


def test_a_veto_by_keyboard_is_gone_from_the_exported_file(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    first, second = ranked(project)[:2]
    # The first address that a fresh server sees names a page and a trace.
    page.goto(f"{serve(project.root)}/browse?trace={first}")
    chosen = page.locator(".chosen")
    expect(chosen).to_have_attribute("data-trace", first)
    expect(page.get_by_text(re.compile("among the highest"))).to_be_visible()
    settle(page)  # A key that comes before its button is nobody's.
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


def test_a_lasso_on_the_map_becomes_a_list(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    open_page(page, serve(project.root), "map")
    inside = lasso(page, "map")
    page.get_by_role("button", name="Show these in Browse").click()
    expect(page.get_by_text(f"{len(inside)} traces: among {len(inside)} chosen traces")).to_be_visible()
