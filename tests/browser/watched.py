"""A browser context under watch: it asks nobody but this machine, logs no error, and runs nothing of a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage

WIDE = (1440, 900)
# Streamlit looks for its server below the page's address first, and then finds it at the top.
NOT_OURS = ("/_stcore/health)", "/_stcore/host-config)")
OWN = ("http://localhost:", "ws://localhost:", "data:", "blob:")


@contextmanager
def watched(
    browser: Browser,
    theme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = WIDE,
    *,
    may_log: tuple[str, ...] = (),
) -> Iterator[BrowserContext]:
    """Give a context; when it is left, all that its tabs did must have been in order.

    Args:
        browser: A running one.
        theme: What the system of the reader prefers.
        size: Of the window.
        may_log: Parts of the errors that are expected.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(60_000)
    asked: list[str] = []
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url', '')})")

    context.on("request", lambda request: asked.append(request.url))
    context.on("console", heard)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    try:
        yield context
        hacked = [tab.url for tab in context.pages if tab.evaluate("window.hacked !== undefined")]
    finally:
        context.close()
    wrong = {
        "ran a script of a trace": hacked,
        "asked elsewhere": [url for url in asked if not url.startswith(OWN)],
        "logged": [error for error in errors if not any(part in error for part in (*NOT_OURS, *may_log))],
    }
    assert not any(wrong.values()), wrong
