"""The app's figures as a table, with the budgets beside them."""

from benchmarks.columns import Found, Table

# What a curator does -> budget in seconds, and what is measured of it by functions and in the browser.
BUDGETS = {
    "open the project, first page": (1.0, "open", "open, once more"),
    "open on a fresh server, the program's start included": (
        None,
        None,
        "open, first visit of a fresh server",
    ),
    "sort by another score": (0.3, "sort", "sort"),
    "next page": (0.3, "page", "page"),
    "move a threshold: counts and histogram": (0.15, "threshold", "threshold"),
    "read the steps of all traces, once": (None, "first steps", None),
    "move the share of vetoed steps": (None, "steps", None),
    "substring search over all texts": (3.0, "search", "search"),
    "give up a search": (None, "search, longest time to a cancel", "search, cleared while it runs"),
    "lasso on the map, over all traces": (1.0, "lasso", "lasso"),
    "veto: on disk, and the next trace": (0.3, "veto", "veto"),
    "undo": (None, "undo", "undo"),
}
MEMORY_GB = 2.0


def app_tables(found: Found) -> list[Table]:
    """One table."""
    rows = []
    for words, (budget, by_function, in_browser) in BUDGETS.items():
        cells = [
            _seconds(found[side]["seconds"].get(name) if name else None)
            for side, name in (("functions", by_function), ("browser", in_browser))
        ]
        rows.append([words, *cells, _met(found, budget, by_function, in_browser) if budget else ""])
    peaks = [found[side]["peak_bytes"] / 1e9 for side in ("functions", "browser")]
    met = "met" if peaks[1] <= MEMORY_GB else "missed"
    rows.append(["memory", *(f"{peak:.2f} GB" for peak in peaks), f"{MEMORY_GB:g} GB of the server: {met}"])
    title = f"{found['traces']:,} traces, {found['project_bytes'] / 1e9:.1f} GB on disk"
    return [Table(title, ["what", "functions", "in the browser", "budget"], rows)]


def _seconds(took: Found | None) -> str:
    """Median and worst, in the unit that fits."""
    if took is None:
        return ""
    return f"{_short(took['median'])} (worst {_short(took['worst'])})"


def _short(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _met(found: Found, budget: float, by_function: str | None, in_browser: str | None) -> str:
    """The budget, and where the median keeps it."""
    words = [
        f"{side} {'met' if found[part]['seconds'][name]['median'] <= budget else 'missed'}"
        for side, part, name in (("functions", "functions", by_function), ("browser", "browser", in_browser))
        if name
    ]
    return f"{_short(budget)}: {', '.join(words)}"
