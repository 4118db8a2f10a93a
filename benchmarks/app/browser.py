"""What a curator does, in a real browser on the running app: seconds from the hand's move to what is on the screen."""

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from tests.browser.server import ARGUMENTS, chromium, start_app

PATIENCE = 60_000  # Milliseconds.
NEEDLE = "quokka"
# JavaScript that says what is on the screen; the list stands in a shadow tree of its own.
# To look for it everywhere, as Playwright's own waiting does, takes a quarter of a second while a page is built.
INSIDE = """() => {{ for (const host of document.querySelectorAll('.st-key-traces *')) {{
    const found = host.shadowRoot?.querySelector({selector!r}); if (found) return found.dataset.trace; }} return null; }}"""
CHOSEN, FIRST = INSIDE.format(selector=".chosen"), INSIDE.format(selector="tr[data-trace]")
CAPTION = "() => [...document.querySelectorAll('[data-testid=stCaptionContainer]')].map(one => one.innerText).join('\\n')"
HELD = (
    "() => document.querySelector('.st-key-lasso_veto')?.innerText ?? ''"  # Nothing before the first lasso.
)
KEPT = "() => document.querySelector('[data-testid=stMetricValue]')?.innerText ?? null"

Seconds = dict[str, list[float]]


def measure(project: Path) -> dict[str, Any]:
    """Every operation in a browser.

    Returns:
        Seconds by operation (median, worst), and the largest resident set of the server.
    """
    server, address = start_app(project)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE)
            found = walk(page, address)
            browser.close()
        peak = peak_bytes(server)
    finally:
        server.terminate()
        server.wait(timeout=30)
    medians = {name: {"median": statistics.median(all_), "worst": max(all_)} for name, all_ in found.items()}
    return {"seconds": medians, "peak_bytes": peak}


def peak_bytes(server: subprocess.Popen[bytes]) -> int:
    """The largest resident set of the server so far."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return psutil.Process(server.pid).memory_info().rss


def walk(page: Page, address: str) -> Seconds:
    """One after another, as a curator would."""
    found: Seconds = {}

    def visit() -> None:
        page.goto(f"{address}/browse")
        page.wait_for_function(CHOSEN)

    # The first visit loads the program too; the second one is a reload by somebody who has been here.
    found["open, first visit of a fresh server"] = [timed(visit)]
    settle(page)
    found["open, once more"] = []
    for _ in range(5):
        found["open, once more"].append(timed(visit))
        settle(page)
    found["sort"] = [sort_by(page, name) for name in ("perplexity", "nll", "gradient-norm")]
    found["veto"] = [changed(page, CHOSEN, lambda: page.keyboard.press("v")) for _ in range(8)]
    found["undo"] = [changed(page, CHOSEN, lambda: page.keyboard.press("z")) for _ in range(3)]
    found["page"] = [next_page(page) for _ in range(4)]
    found["search"] = [search(page, text) for text in (NEEDLE, "the answer is 99")]
    found["search, cleared while it runs"] = [cancel(page)]
    page.goto(f"{address}/select")
    page.wait_for_selector("[data-testid=stMetricValue]")
    settle(page)
    slider = page.locator(".st-key-keep_share input[type=range]")
    slider.focus()
    found["threshold"] = [changed(page, KEPT, lambda: slider.press("ArrowRight")) for _ in range(8)]
    page.goto(f"{address}/map")
    page.wait_for_selector(".js-plotly-plot .nsewdrag")
    settle(page)
    # Apart from one another: a stroke that begins inside a lasso moves it.
    found["lasso"] = [lasso(page, left, right) for left, right in ((0.02, 0.45), (0.55, 0.98))]
    return found


def timed(work: Callable[[], object]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def settle(page: Page) -> None:
    """Wait until the app is idle."""
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
    )
    page.wait_for_timeout(500)


def changed(page: Page, what: str, act: Callable[[], object]) -> float:
    """Seconds from an act until something on the screen is another."""
    before = page.evaluate(what)
    assert before is not None, "what is to change is not on the screen"
    start = time.perf_counter()
    act()
    page.wait_for_function(f"before => ({what})() !== before", arg=before, polling="raf")
    took = time.perf_counter() - start
    settle(page)
    return took


def sort_by(page: Page, score: str) -> float:
    """Rank by another score."""
    page.locator(".st-key-browse_score input").click()
    option = page.get_by_role("option", name=score, exact=True)
    option.wait_for()
    took = changed(page, FIRST, option.click)
    page.evaluate("document.activeElement.blur()")  # Keys typed there are text.
    return took


def next_page(page: Page) -> float:
    """Turn to the next page of the list."""
    return changed(
        page, FIRST, page.locator("[class*='st-key-browse_page']").get_by_role("button").last.click
    )


def search(page: Page, text: str) -> float:
    """Type a text and wait for its list."""
    box = page.get_by_label("Search", exact=True)
    box.fill(text)
    start = time.perf_counter()
    box.press("Enter")
    page.wait_for_function(f"text => ({CAPTION})().includes('contains “' + text)", arg=text, polling="raf")
    took = time.perf_counter() - start
    settle(page)
    return took


def cancel(page: Page) -> float:
    """Clear a search half a second after it began: how long until all traces are listed."""
    box = page.get_by_label("Search", exact=True)
    box.fill(f"{NEEDLE} says so")
    box.press("Enter")
    page.wait_for_timeout(500)
    box.fill("")
    start = time.perf_counter()
    box.press("Enter")
    page.wait_for_function(f"() => !({CAPTION})().includes('contains') && ({CAPTION})().includes('traces')")
    took = time.perf_counter() - start
    settle(page)
    return took


def lasso(page: Page, left: float, right: float) -> float:
    """Draw a lasso around a part of the map, in shares of its width: from letting go of the button until the count is there."""
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box is not None
    corners = [
        (box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        for x, y in ((left, 0.02), (right, 0.02), (right, 0.98), (left, 0.98), (left, 0.02))
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(x, y, steps=6)
    return changed(page, HELD, page.mouse.up)
