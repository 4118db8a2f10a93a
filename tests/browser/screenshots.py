"""Pictures of every page, light and dark: python -m tests.browser.screenshots PROJECT FOLDER [PAGE ...]"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser.concept import with_concept
from tests.browser.looking import PAGES, open_page
from tests.browser.server import ARGUMENTS, chromium, start_app

SIZE: ViewportSize = {"width": 1440, "height": 900}


def main(project: Path, folder: Path, pages: tuple[str, ...] = PAGES) -> None:
    """Photograph pages of a project; of the demo, Concepts is that of a copy with a concept."""
    folder.mkdir(parents=True, exist_ok=True)
    apart = {"concepts"} & {*pages} if (project / "demo").exists() else set()
    if own := tuple(page for page in pages if page not in apart):
        photograph(project, folder, own)
    if apart:
        with TemporaryDirectory() as place:
            photograph(with_concept(project, Path(place) / "demo"), folder, tuple(apart))


def photograph(project: Path, folder: Path, pages: tuple[str, ...]) -> None:
    """Start the app on a project, and photograph its pages."""
    server, address = start_app(project)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            for theme in ("light", "dark"):
                context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
                tab = context.new_page()
                for page in pages:
                    open_page(tab, address, page)
                    tab.wait_for_load_state("networkidle")  # Parts of Streamlit's own come at first use.
                    tab.wait_for_timeout(500)
                    tab.screenshot(path=folder / f"{page}-{theme}.png")
                context.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]) or PAGES)
