"""Pages of figures: words with places in them, and the tables and numbers that stand there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.tables import row


def filled(words: Path, parts: Mapping[str, str]) -> str:
    """A folder's Markdown files one after the other, each {{name}} in them with its part in its place."""
    text = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in sorted(words.glob("*.md")))
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return f"{text}\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of words, all columns but the first to the right."""
    lines = [row(list(header)), row(["---", *["--:"] * (len(header) - 1)])]
    return "\n".join([*lines, *(row(list(cells)) for cells in rows)])


def percent(share: str) -> str:
    """Of a share that is written as text."""
    return f"{float(share):.0%}"


def value(value: float | None, digits: int = 3) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(values: Sequence[float | None] | None, digits: int = 3) -> str:
    """A signed value with the ends of its interval, as far as they are known."""
    if values is None or values[0] is None:
        return "-"
    if values[1] is None or values[2] is None:
        return f"{values[0]:+.{digits}f}"
    return f"{values[0]:+.{digits}f} ({values[1]:+.{digits}f} to {values[2]:+.{digits}f})"
