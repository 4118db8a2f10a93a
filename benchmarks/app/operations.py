"""What a curator does, by the functions that the pages call, without a browser: seconds of each.

    python -m benchmarks.app.operations PROJECT

writes them to the standard output as JSON, with the memory that the process took.
"""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas  # noqa: F401  pyarrow loads it at the first table: a part of the program's start, which "open" does not count.

from curation.selection.moved import tokens_in
from curation.selection.recipes import Recipe
from curation.store import columns, nearby, overview, reading
from curation.store.browse import lines
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide, undo
from curation.store.project import open_project
from curation.store.search import Search, search_slices
from curation.store.view import View
from curation.ui import cached, kept_steps, scores, selected, session, split_figure
from curation.ui.listing import listing_of
from curation.ui.region import inside_selection
from curation.ui.session import Session
from curation.ui.walk import PAGE_SIZE

NEEDLE = "quokka"
Took = tuple[float, float]  # Wall and processor seconds.


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
    trace = reading.read(opened.catalogue, trace_id)
    assert trace is not None
    reading.standings(opened.catalogue, run_id, trace_id)
    reading.steps(opened.catalogue, run_id, trace_id)
    reading.tokens(opened.catalogue, run_id, trace_id, trace.length)
    reading.vetoed_steps(opened.catalogue, trace_id)
    reading.history(opened.catalogue, trace_id)
    nearby.effects(opened.catalogue, run_id, trace_id, 3)


def move_threshold(opened: Session, recipe: Recipe) -> None:
    """Counts, tokens and histogram of a recipe."""
    selection = selected.selection_of(opened, recipe)
    tokens = scores.known_tokens_of(opened)
    if tokens is not None:
        tokens_in(tokens, selection.selected)
    for name in selection.pool.scores:
        bars = scores.histogram_of(opened, name)
        split_figure.split_histogram(name, bars, bars.counts(selection.selected), {}).to_json()


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


def move_share(opened: Session, score: str, share: float) -> None:
    """What page Steps says of a share: how many steps of how many traces, and their tokens."""
    choice = kept_steps.pool_of(opened, score, None).choose(share)
    assert choice.traces
    assert choice.tokens


def timed(work: Callable[[], object]) -> Took:
    """What a call took, all threads counted."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def each(calls: Iterable[Callable[[], object]]) -> list[Took]:
    """What several calls took."""
    return [timed(call) for call in calls]


def measure(root: Path) -> dict[str, list[Took]]:
    """Every operation on a project; it is as before afterwards, but for its log."""
    found: dict[str, list[Took]] = {}
    opened: Session | None = None

    def open_first_page() -> None:
        nonlocal opened
        opened = open_session(root)
        show_page(opened, View(opened.score_names[0]), 1)

    found["open"] = [timed(open_first_page)]
    assert opened is not None
    session_, catalogue = opened, opened.catalogue
    view = View(session_.score_names[0])
    others = [name for name in session_.score_names[1:] if name != "tokens"]
    found["sort"] = each(partial(show_page, session_, View(name), 1) for name in others)
    found["page"] = each(partial(show_page, session_, view, page) for page in (2, 3, 50, 5000))
    recipe = Recipe("top", run_id=session_.run_id, score=session_.score_names[0])
    shares = (0.5, 0.1, 0.2, 0.35, 0.6, 0.9)
    moves = each(partial(move_threshold, session_, replace(recipe, keep=share)) for share in shares)
    found["first threshold"], found["threshold"] = moves[:1], moves[1:]
    wanted = [Search(text) for text in (NEEDLE, "the answer is 99")]
    found["search"] = each(partial(all_of, search_slices(catalogue, one)) for one in wanted)
    slices = search_slices(catalogue, Search(f"{NEEDLE} says"))
    found["search, longest time to a cancel"] = [max(each(partial(next, slices, None) for _ in range(20)))]
    places = cached.points_of(session_)
    if places is not None:
        found["lasso"] = each(
            partial(inside_selection, circle(size), places.x, places.y) for size in (2.0, 8.0, 40.0)
        )
    by_step = kept_steps.scores_by_step(session_)[0]
    vetoes = each(partial(move_share, session_, by_step, share) for share in (0.05, 0.01, 0.1, 0.2, 0.02))
    found["first steps"], found["steps"] = vetoes[:1], vetoes[1:]
    pages = show_page(session_, view, 9)
    found["read"] = each(partial(read_trace, session_, trace_id) for trace_id in pages[:10])
    found["veto"] = each(partial(veto_and_go_on, session_, view, trace_id) for trace_id in pages[:10])
    found["undo"] = each(partial(undo, session_.project, actor=session_.reviewer) for _ in range(10))
    return found


def all_of(some: Iterable[object]) -> None:
    """Take everything."""
    for _ in some:
        pass


def circle(radius: float) -> dict[str, list[dict[str, list[float]]]]:
    """A lasso of 60 corners, as a chart reports it."""
    angles = np.linspace(0, 2 * np.pi, 60)
    return {"lasso": [{"x": (radius * np.cos(angles)).tolist(), "y": (radius * np.sin(angles)).tolist()}]}


def summary(took: list[Took]) -> dict[str, float]:
    """Median and longest of wall seconds, median of processor seconds."""
    wall, cpu = zip(*took, strict=True)
    return {"median": median(wall), "worst": max(wall), "cpu": median(cpu)}


def main() -> None:
    """Measure, and print."""
    logging.disable(logging.WARNING)  # Streamlit says at each call that there is no browser.
    found = measure(Path(sys.argv[1]))
    medians = {name: summary(took) for name, took in found.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": medians, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
