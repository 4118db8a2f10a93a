"""Numbers and names as the app writes them: rank first, an em-dash for what was not computed."""

import math
from collections.abc import Iterable
from datetime import datetime

from curation.store.columns import Column

MISSING = "—"
MARKS = {"keep": "📌", "veto": "✕"}
VERDICT_WORDS = {"keep": "kept by hand", "veto": "vetoed", "undecided": "undecided", "": "undecided"}


def number(value: float | None, *, signed: bool = False) -> str:
    """Three significant digits with thousands separators; an explicit sign where the sign means something."""
    if value is None or not math.isfinite(value):
        return MISSING
    sign = "+" if signed else ""
    if value == 0:
        return "0"
    if abs(value) >= 100 or float(value).is_integer():
        text = f"{value:{sign},.0f}"
    elif abs(value) >= 1e-3:
        text = f"{value:{sign}.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:{sign}.1e}"
    return text.replace("-", "−", 1) if value < 0 else text


def whole(count: int | None) -> str:
    """A count with thousands separators."""
    return MISSING if count is None else f"{count:,}"


def percent(share: float) -> str:
    """A share (0 to 1) as a percentage of two significant digits, never rounded to 0% or 100% from inside."""
    value = 100 * share
    if value >= 99.95 and share < 1:
        return "99.9%"
    if value >= 10 or value == 0:
        return f"{value:.1f}%"
    return f"{value:.2g}%" if value >= 0.01 else "<0.01%"


def place(column: Column, value: float | None) -> str:
    """Where a value stands: "#12 of 7,473, top 0.2%", counted from the highest."""
    if value is None or not column.count:
        return MISSING
    rank = column.rank(value)
    top = rank / column.count
    bottom = (column.count - rank + 1) / column.count
    end = f"top {percent(top)}" if top <= bottom else f"bottom {percent(bottom)}"
    return f"#{rank:,} of {column.count:,}, {end}"


def with_error(value: float | None, error: float | None, *, signed: bool = False) -> str:
    """A raw value and its standard error: "+1.31 ± 0.08"."""
    text = number(value, signed=signed)
    return f"{text} ± {number(error)}" if value is not None and error is not None else text


def short_id(trace_id: str) -> str:
    """The first eight digits of a trace's id, as shown; links carry all of it."""
    return trace_id[:8]


def moment(time: datetime | None) -> str:
    """A time of the log or of a run, to the minute."""
    return MISSING if time is None else time.strftime("%Y-%m-%d %H:%M")


def duration(seconds: float | None) -> str:
    """Seconds in words: "2 min 5 s"."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """A count and its noun: "1 trace", "2,000 traces"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def one_line(text: str) -> str:
    """Text in one line, for lists."""
    return " ".join(text.split())


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last
