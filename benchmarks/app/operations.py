"""What a curator does, by the functions that the pages call, without a browser: seconds of each.

    python -m benchmarks.app.operations PROJECT

writes them to the standard output as JSON, with the memory that the process took.
"""

import json
import logging
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from curation.selection.moved import tokens_in
from curation.selection.recipes import Recipe
from curation.store import columns, nearby, overview, reading
from curation.store.browse import lines
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide, undo
from curation.store.project import open_project
from curation.store.search import Search, search_slices
from curation.store.verdicts import verdicts_of
from curation.store.view import View
from curation.ui import cached, charts, session
from curation.ui.listing import listing_of
from curation.ui.region import inside_selection
from curation.ui.session import Session
from curation.ui.walk import PAGE_SIZE

NEEDLE = "quokka"
Seconds = dict[str, list[float]]


def open_session(root: Path) -> Session:
    """What the first page of a fresh server reads."""
    project = open_project(root)
    catalogue = open_catalogue(project, memory=session.MEMORY)
    runs = overview.runs(catalogue)
    names = columns.score_names(catalogue, runs[0].run_id)
    return Session(project, catalogue, overview.counts(catalogue), runs, runs[0], names, "bench", "")


def show_page(opened: Session, view: View, page: int) -> list[str]:
    """The ids on a page of Browse, with its texts read."""
    listing = listing_of(opened, view)
    return [
        line.trace_id for line in lines(opened.catalogue, listing.page(PAGE_SIZE, (page - 1) * PAGE_SIZE))
    ]


def read_trace(opened: Session, trace_id: str) -> None:
    """What the reader reads of a trace."""
    run_id = opened.run_id or ""
    reading.read(opened.catalogue, trace_id)
    reading.standings(opened.catalogue, run_id, trace_id)
    reading.steps(opened.catalogue, run_id, trace_id)
    reading.tokens(opened.catalogue, run_id, trace_id)
    reading.vetoed_steps(opened.catalogue, trace_id)
    reading.history(opened.catalogue, trace_id)
    nearby.effects(opened.catalogue, run_id, trace_id, 3)


def move_threshold(opened: Session, recipe: Recipe) -> None:
    """Counts, tokens and histogram of a recipe."""
    selection = cached.selection_of(opened, recipe)
    tokens = cached.known_tokens_of(opened)
    if tokens is not None:
        tokens_in(tokens, selection.selected)
    for name in selection.pool.scores:
        bars = cached.histogram_of(opened, name)
        charts.split_histogram(name, bars, bars.counts(selection.selected), {}).to_json()


def veto_and_go_on(opened: Session, view: View, trace_id: str) -> str:
    """A veto on disk, and what the next trace's page reads."""
    following = listing_of(opened, view).neighbour(trace_id, 1) or trace_id
    decide(opened.project, [trace_id], "veto", actor=opened.reviewer)
    opened.catalogue.refresh()
    listing = listing_of(opened, view)
    listing.position(following)
    show_page(opened, view, 1)
    read_trace(opened, following)
    return following


def timed(work: Callable[[], object]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def each(calls: Iterable[Callable[[], object]]) -> list[float]:
    """Seconds of several calls."""
    return [timed(call) for call in calls]


def measure(root: Path) -> Seconds:
    """Every operation on a project; it is as before afterwards, but for its log."""
    found: Seconds = {}
    start = time.perf_counter()
    opened = open_session(root)
    view = View(opened.score_names[0])
    first = show_page(opened, view, 1)[0]
    found["open"] = [time.perf_counter() - start]
    others = [name for name in opened.score_names[1:] if name != "tokens"]
    found["sort"] = each(lambda name=name: show_page(opened, View(name), 1) for name in others)
    found["page"] = each(lambda page=page: show_page(opened, view, page) for page in (2, 3, 50, 5000))
    recipe = Recipe("top", run_id=opened.run_id, score=opened.score_names[0])
    found["first threshold"] = [timed(lambda: move_threshold(opened, replace(recipe, keep=0.5)))]
    shares = (0.1, 0.2, 0.35, 0.6, 0.9)
    found["threshold"] = each(
        lambda share=share: move_threshold(opened, replace(recipe, keep=share)) for share in shares
    )
    found["search"] = each(
        lambda text=text: list(search_slices(opened.catalogue, Search(text)))
        for text in (NEEDLE, "the answer is 99")
    )
    slices = search_slices(opened.catalogue, Search(f"{NEEDLE} says"))
    found["search, longest time to a cancel"] = [max(each(lambda: next(slices, None) for _ in range(20)))]
    places = cached.points_of(opened)
    if places is not None:
        verdicts_of(opened.catalogue)
        found["lasso"] = each(
            lambda size=size: inside_selection(circle(size), places.x, places.y) for size in (2.0, 8.0, 40.0)
        )
    found["read"] = each(lambda one=one: read_trace(opened, one) for one in show_page(opened, view, 9)[:10])
    trace_id, found["veto"] = first, []
    for _ in range(10):
        start = time.perf_counter()
        trace_id = veto_and_go_on(opened, view, trace_id)
        found["veto"].append(time.perf_counter() - start)
    found["undo"] = each(lambda: undo(opened.project, actor=opened.reviewer) for _ in range(10))
    return found


def circle(radius: float) -> dict[str, list[dict[str, list[float]]]]:
    """A lasso of 60 corners, as a chart reports it."""
    angles = np.linspace(0, 2 * np.pi, 60)
    return {"lasso": [{"x": (radius * np.cos(angles)).tolist(), "y": (radius * np.sin(angles)).tolist()}]}


def main() -> None:
    """Measure, and print."""
    logging.disable(logging.WARNING)  # Streamlit says at each call that there is no browser.
    found = measure(Path(sys.argv[1]))
    medians = {name: {"median": statistics.median(all_), "worst": max(all_)} for name, all_ in found.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": medians, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
