"""Files that are damaged, missing or taken away while the app is open: each page says so and where to go from there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.project import Project
from curation.store.saved_views import save_view
from curation.store.view import View
from tests.browser.hands import ranked, verdicts
from tests.browser.looking import MAIN, PAGES, fails, open_page, said, settle, turn

pytestmark = pytest.mark.browser
# What a page says where there is no run any more, and the way out in it.
WITHOUT_RUN = {
    "overview": "score them with a model",
    "browse": "60 traces",
    "review": "the Runs page starts a run",
    "plane": "the Runs page starts a run",
    "map": "the Runs page starts one",
    "steps": "the Runs page starts a run",
    "select": "run curation score",
    "compare": "run curation score",
    "export": "run curation score",
    "runs": "name a model and start",
    "answers": "does, and grades the answers",
    "audit": "the Runs page starts a run",
    "concepts": "There is no concept yet",
    "trust": "the Runs page starts one",
    "proof": "Nothing was trained to compare yet",
    "settings": "kept in its project.toml",
}


@pytest.fixture
def project(project: Project) -> Project:
    save_selection(project, "most", Recipe("influence", keep=0.9, group="gold"))
    save_selection(project, "plain", Recipe("bottom-ppl", keep=0.5))
    save_view(project, "low", View("influence/gold", descending=False))
    return project


def walk(tab: Page) -> dict[str, str]:
    """What each page says, as one line; none of them fails."""
    found = {}
    for page in PAGES:
        turn(tab, page)
        assert fails(tab) == []
        found[page] = " ".join(said(tab).replace("`", "").split())
    return found


def test_a_damaged_run_is_named_on_every_page(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    run = project.runs[0]
    run.write_bytes(b"no database" * 1_000)
    open_page(page, serve(project.root), "overview")
    sentence = f"runs/{run.name} cannot be read; restore it, or move it away and make it again."
    for name, words in walk(page).items():
        assert sentence in words
        assert WITHOUT_RUN[name] in words


def test_a_run_taken_away_while_it_is_read(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    """The key that is pressed just then still decides; every page goes on without scores."""
    first = ranked(project)[0]
    open_page(page, serve(project.root), "browse")
    run = project.runs[0]
    run.rename(run.with_suffix(".away"))
    page.keyboard.press("v")
    expect(page.get_by_text(re.compile(f"^Vetoed {first[:8]}"))).to_be_visible()
    assert verdicts(project) == {first: "veto"}
    for name, words in walk(page).items():
        assert WITHOUT_RUN[name] in words
    run.with_suffix(".away").rename(run)
    turn(page, "overview")
    expect(page.get_by_text("Most helpful")).to_be_visible()


def test_smaller_files_taken_away_or_damaged(
    page: Page, serve: Callable[[Path], str], project: Project
) -> None:
    """A map, a selection and a view: the pages that need them say so, all others go on."""
    address = serve(project.root)
    open_page(page, address, "map")
    project.maps[0].unlink()
    for name in ("most", "plain"):
        (project.root / "selections" / f"{name}.toml").write_text("keep = [", encoding="utf-8")
    (project.root / "views" / "low.toml").write_text("score = [", encoding="utf-8")
    words = walk(page)
    assert "There is no map of this run yet. curation map" in words["map"]
    for name in ("compare", "export"):
        assert "selections/most.toml cannot be read" in words[name]
        assert "mend it or save it again" in words[name]
    open_page(page, address, "browse", "?view=low")
    expect(
        page.get_by_text(re.compile("views/low.toml cannot be read .*mend it or save it again"))
    ).to_be_visible()
    assert fails(page) == []


@pytest.mark.parametrize("lost", ["decisions.duckdb", "project.toml"])
def test_a_key_pressed_when_the_project_is_damaged(
    page: Page, serve: Callable[[Path], str], project: Project, lost: str
) -> None:
    """What happens in a callback is said like anything else, and nothing is said to be decided."""
    open_page(page, serve(project.root), "browse")
    path = project.root / lost
    whole = path.read_bytes() if path.exists() else None
    path.write_bytes(b"= nothing" * 1_000)
    page.keyboard.press("v")
    expect(page.locator(MAIN).get_by_text(re.compile(rf"{lost} cannot be .*restore it"))).to_be_visible()
    assert fails(page) == []
    path.unlink()
    if whole is not None:
        path.write_bytes(whole)
    page.reload()
    settle(page)
    assert verdicts(project) == {}
