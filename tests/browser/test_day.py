"""A curator's day in one walk: open, read, decide by keyboard, lasso, choose, save, compare, export, find it all again."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from curation.selection.saved import load_recipe
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.log import decision_log
from curation.store.project import Project
from curation.ui.format import short_id
from tests.app.project import RUN_ID, lines_of
from tests.browser.finding import TRACES, save_a_view_and_open_its_link, search
from tests.browser.hands import choose, click, kept_in_words, lasso, ranked, verdicts, write
from tests.browser.looking import fails, open_page, row, settle, turn, widget
from tests.browser.watched import watched

pytestmark = pytest.mark.browser


def test_the_day_of_a_curator(browser: Browser, serve: Callable[[Path], str], project: Project) -> None:
    address = serve(project.root)
    with watched(browser) as context:
        tab = context.new_page()
        open_page(tab, address, "overview")
        write(tab, "reviewer", "Ada")
        read_and_decide(tab, project)
        veto_a_step(tab, project)
        lasso_and_undo(tab, project, "map", "veto")
        lasso_and_undo(tab, project, "plane", "keep")
        save_two_selections(tab, project)
        compare_them(tab)
        export_and_verify(tab, project)
        search(tab)
        save_a_view_and_open_its_link(context, tab, project)
        reload_and_find_it_all(tab, project)


def at(tab: Page, trace_id: str) -> None:
    """Wait until the list and the reader are at a trace; the list is there first."""
    expect(tab.locator(".chosen")).to_have_attribute("data-trace", trace_id)
    expect(tab.locator(".st-key-reader").get_by_text(short_id(trace_id), exact=True).first).to_be_visible()


def read_and_decide(tab: Page, project: Project) -> None:
    """From the most helpful trace on the Overview into the reader; then keys alone."""
    first, second, third = ranked(project)[:3]
    row(tab, first).click()
    at(tab, first)
    expect(tab.locator(".st-key-reader").get_by_text(TRACES[first].prompt)).to_be_visible()
    tab.keyboard.press("v")
    at(tab, second)
    assert verdicts(project) == {first: "veto"}
    tab.keyboard.press("z")
    at(tab, first)
    assert verdicts(project) == {}
    tab.keyboard.press("y")
    expect(row(tab, first)).to_have_class(re.compile("veto"))
    assert verdicts(project) == {first: "veto"}
    tab.keyboard.press("ArrowRight")
    at(tab, second)
    tab.keyboard.press("k")
    at(tab, third)
    tab.keyboard.press("ArrowLeft")
    at(tab, second)
    expect(row(tab, second)).to_have_class(re.compile("keep"))
    assert verdicts(project) == {first: "veto", second: "keep"}
    assert {event["actor"] for event in decision_log(project).to_pylist()} == {"Ada"}
    turn(tab, "review")
    for key, shown in (("reader_show", "Raw"), ("reader_colour", "gold")):
        expect(widget(tab, key).get_by_role("radio", name=shown)).to_be_checked()
    turn(tab, "browse")


def veto_a_step(tab: Page, project: Project) -> None:
    third = ranked(project)[2]
    row(tab, third).click()
    at(tab, third)
    step = tab.locator(".steps:not(.bare) .step").nth(1)
    step.get_by_role("button").click()
    expect(step).to_have_class(re.compile("vetoed"))
    settle(tab)


def lasso_and_undo(tab: Page, project: Project, page: str, verdict: str) -> None:
    """A lasso over the left half of a chart; one decision on all that is in it; one key takes it back."""
    before = verdicts(project)
    turn(tab, page)
    inside = lasso(tab, page)
    assert 0 < len(inside) < len(TRACES)
    button = tab.locator(f".st-key-lasso_{verdict}")
    expect(button).to_have_text(f"{verdict.capitalize()} {len(inside)} traces")
    click(tab, f"lasso_{verdict}")
    expect(tab.get_by_text(re.compile(rf"(Kept|Vetoed) {len(inside)} traces"))).to_be_visible()
    assert verdicts(project) == before | dict.fromkeys(inside, verdict)
    turn(tab, "browse")
    tab.keyboard.press("z")
    expect(tab.get_by_text(f"Took back the decision on {len(inside)} traces.")).to_be_visible()
    assert verdicts(project) == before


def save_two_selections(tab: Page, project: Project) -> None:
    """One by its share, one by a threshold; both keep what the page said that they keep."""
    turn(tab, "select")
    slider = tab.locator(".st-key-keep_share").get_by_role("slider").first
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    expect(tab.get_by_text("Keeps 60% of the traces")).to_be_visible()
    settle(tab)
    save_selection(tab, project, "share")
    tab.locator(".st-key-keep_by").get_by_text("Threshold").click()
    settle(tab)
    threshold = widget(tab, "threshold").get_by_role("slider").first
    threshold.focus()
    drawn = re.compile(r"^Keeps \d+ traces")
    before = tab.get_by_text(drawn).inner_text()
    for _ in range(40):
        threshold.press("ArrowRight")
    expect(tab.get_by_text(drawn)).not_to_have_text(before)
    settle(tab)
    save_selection(tab, project, "threshold")
    assert load_recipe(project, "share").keep == pytest.approx(0.6)
    assert load_recipe(project, "share") != load_recipe(project, "threshold")


def save_selection(tab: Page, project: Project, name: str) -> None:
    write(tab, "save_name", name)
    click(tab, "save")
    expect(tab.get_by_text(f"Saved as {name}")).to_be_visible()
    assert kept_in_words(tab) == len(selected(project, name))


def selected(project: Project, name: str) -> set[str]:
    """What a saved selection keeps."""
    catalogue = open_catalogue(project)
    found = select(catalogue, load_recipe(project, name))
    catalogue.close()
    return {one for one, inside in zip(found.trace_ids, found.selected.tolist(), strict=True) if inside}


def compare_them(tab: Page) -> None:
    turn(tab, "compare")
    values = tab.locator("[data-testid=stMetricValue]").all_inner_texts()
    assert len(values) == 4
    assert sum(int(value) for value in values) == len(TRACES)


def export_and_verify(tab: Page, project: Project) -> None:
    """The file holds what the selection keeps, nothing vetoed, and says which step carries no loss."""
    first, second, third = ranked(project)[:3]
    turn(tab, "export")
    choose(tab, "selection_name", "share")
    choose(tab, "export_format", "segments")
    kept = selected(project, "share")
    click(tab, "write")
    expect(tab.get_by_text(re.compile(rf"Wrote {len(kept)} traces"))).to_be_visible()
    tab.get_by_role("button", name="Verify").click()
    expect(tab.get_by_text(re.compile("^Verified"))).to_be_visible()
    lines = (project.root / "exports" / "share-segments.jsonl").read_text(encoding="utf-8").splitlines()
    pieces = {row[0]["text"].strip(): row[1:] for row in (json.loads(line)["segments"] for line in lines)}
    assert set(pieces) == {TRACES[one].prompt.strip() for one in kept}
    assert TRACES[first].prompt not in pieces
    assert TRACES[second].prompt in pieces
    start, stop = lines_of(TRACES[third].response)[1]
    silent = [piece["text"] for piece in pieces[TRACES[third].prompt] if not piece["label"]]
    assert silent == [TRACES[third].response[start:stop]]


def reload_and_find_it_all(tab: Page, project: Project) -> None:
    """Run, selection, reviewer, view, trace and decisions are there again."""
    before = verdicts(project)
    tab.reload()
    settle(tab)
    first, second, third = ranked(project)[:3]
    expect(tab).to_have_url(re.compile(f"run={RUN_ID}"))
    expect(widget(tab, "selection_name").get_by_role("combobox")).to_have_value("share")
    expect(tab.locator(".st-key-reviewer input")).to_have_value("Ada")
    expect(tab.get_by_text(re.compile(r"^\d+ traces:.*influence/gold"))).to_be_visible()
    click(tab, "clear")
    expect(row(tab, first)).to_have_class(re.compile("veto"))
    expect(row(tab, second)).to_have_class(re.compile("keep"))
    row(tab, third).click()
    expect(tab.locator(".step.vetoed")).to_have_count(1)
    assert verdicts(project) == before == {first: "veto", second: "keep"}
    assert fails(tab) == []
