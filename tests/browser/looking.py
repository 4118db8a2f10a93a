"""What a test sees of a page in the browser: whether it is whole, and whether all of it can be seen."""

import re
from typing import cast

from playwright.sync_api import Locator, Page, expect

PAGES = (
    "overview",
    "browse",
    "review",
    "plane",
    "map",
    "select",
    "steps",
    "compare",
    "export",
    "runs",
    "answers",
    "audit",
    "concepts",
    "trust",
    "proof",
    "settings",
)
MAIN = "[data-testid=stMain]"
# Longer than a slider waits before it tells the server where it was left.
_STILL = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    const busy = !document.querySelector('[data-testid=stSidebar] h3') || app.dataset.testScriptState !== 'notRunning'
        || document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-stale=true]');
    if (busy) { window.quiet = undefined; return false; }
    window.quiet ??= performance.now();
    return window.quiet < performance.now() - 400;
}"""
# Leaves of the page, also in components, that reach beyond the window or beyond what their surroundings show.
_CUT_OFF = """() => {
    const found = [];
    const visit = (node, clips) => {
        const style = getComputedStyle(node), box = node.getBoundingClientRect();
        if (style.display === 'none' || style.visibility === 'hidden' || style.position === 'fixed') return;
        if (style.textOverflow === 'ellipsis' || style.clipPath !== 'none') return;
        const words = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
        if (words && box.width && box.height)
            for (const [left, right] of clips)
                if (box.left < left - 1 || box.right > right + 1) { found.push(node.textContent.trim().slice(0, 60)); break; }
        if (style.overflowX === 'auto' || style.overflowX === 'scroll') {
            if (node.scrollWidth > node.clientWidth + 1) found.push('scrolls sideways: ' + node.textContent.trim().slice(0, 60));
        }
        const inner = style.overflowX === 'visible' ? clips : [...clips, [box.left, box.right]];
        for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) visit(child, inner);
    };
    visit(document.querySelector('[data-testid=stMain]'), [[0, document.documentElement.clientWidth]]);
    visit(document.querySelector('[data-testid=stSidebar]'), [[0, document.documentElement.clientWidth]]);
    return found;
}"""
# Parts that scroll up and down inside a part that does too.
_NESTED = """() => {
    const found = [];
    const visit = (node, inside) => {
        const style = getComputedStyle(node);
        const scrolls = /auto|scroll/.test(style.overflowY) && node.scrollHeight > node.clientHeight + 1;
        if (scrolls && inside) found.push(node.className || node.tagName);
        for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) visit(child, inside || scrolls);
    };
    visit(document.querySelector('[data-testid=stMain]'), false);
    return found;
}"""


def open_page(tab: Page, address: str, page: str, query: str = "") -> None:
    """Open a page of the app by its address and wait until it is whole."""
    tab.goto(f"{address}/{'' if page == 'overview' else page}{query}")
    settle(tab)


def turn(tab: Page, page: str) -> None:
    """Go to another page by the navigation."""
    link = tab.locator("[data-testid=stSidebar]").get_by_role("link", name=page.capitalize(), exact=True)
    link.click()
    expect(tab).to_have_url(re.compile(r"://[^/]+/(\?|$)" if page == "overview" else rf"/{page}(\?|$)"))
    settle(tab)


def settle(tab: Page) -> None:
    """Wait until nothing runs and nothing is still to be drawn, for a moment on end."""
    tab.evaluate("window.quiet = undefined")
    tab.wait_for_function(_STILL)


def fails(tab: Page) -> list[str]:
    """What no page may ever show: a traceback, Streamlit's own error box, a failure that was not foreseen."""
    text = tab.locator("body").inner_text()
    shown = [word for word in ("Traceback", "This page failed", "This app has encountered") if word in text]
    return shown + ["stException"] * tab.locator("[data-testid=stException]").count()


def said(tab: Page) -> str:
    """All words of a page, without what only guards them from Markdown."""
    return tab.locator(MAIN).inner_text().replace("\u2060", "")


def cut_off(tab: Page) -> list[str]:
    """Words that cannot be read in full, or only by scrolling sideways."""
    return cast(list[str], tab.evaluate(_CUT_OFF))


def nested_scrolls(tab: Page) -> list[str]:
    """What scrolls inside something that scrolls."""
    return cast(list[str], tab.evaluate(_NESTED))


def widget(tab: Page, name: str) -> Locator:
    """The widget of a name, however often it was made anew (`ui.mirror`)."""
    return tab.locator(f".st-key-{name}, [class*='st-key-{name}-']")


def row(tab: Page, trace_id: str) -> Locator:
    """A trace's row in a list."""
    return tab.locator(f"tr[data-trace='{trace_id}']")
