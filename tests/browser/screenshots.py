"""Pictures of every page, light and dark: python -m tests.browser.screenshots PROJECT FOLDER [PAGE ...]"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.server import ARGUMENTS, chromium, start_app

PAGES = ("overview", "browse", "review", "plane", "map", "select", "compare", "export", "runs")
SIZE = {"width": 1440, "height": 900}


def main(project: Path, folder: Path, pages: tuple[str, ...] = PAGES) -> None:
    """Start the app on a project, and photograph its pages."""
    folder.mkdir(parents=True, exist_ok=True)
    server, address = start_app(project)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            for theme in ("light", "dark"):
                context = browser.new_context(viewport=SIZE, color_scheme=theme)
                tab = context.new_page()
                for page in pages:
                    tab.goto(f"{address}/{'' if page == 'overview' else page}")
                    settle(tab)
                    tab.screenshot(path=folder / f"{page}-{theme}.png")
                context.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


def settle(tab: Page) -> None:
    """Wait until the page is whole: nothing runs, and charts are drawn."""
    tab.locator("[data-testid=stSidebar] h3").wait_for(timeout=60_000)
    tab.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)
    tab.wait_for_timeout(1_500)
    tab.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]) or PAGES)
