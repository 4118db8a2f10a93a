"""Texts that show a concept or do not: plain lines, rows with one text, or prompts with a response each."""

from collections.abc import Iterator
from pathlib import Path

from curation.errors import SourceError
from curation.traces.readers import read_rows
from curation.traces.rows import Row, Unreadable
from curation.traces.shapes import read_trace

_TEXTS = ("text", "response", "completion", "content")


def read_texts(source: str) -> list[tuple[str, str]]:
    """(prompt, text) of every row of a source; the prompt is "" where a row has one text alone.

    Args:
        source: A .txt file with a text a line, or any source of rows: with a prompt and a response each, of any shape
            of trace, or with a field text, response, completion or content alone.

    Raises:
        SourceError: The source cannot be read, a row of it holds no text, or it is empty.
    """
    path = Path(source).expanduser()
    texts = list(_lines(path) if path.suffix.lower() == ".txt" else map(_text, read_rows(source)))
    if not texts:
        raise SourceError(f"{source} holds no text; give one a line.")
    return texts


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    for line in content.splitlines():
        if line.strip():
            yield "", line


def _text(row: Row | Unreadable) -> tuple[str, str]:
    if isinstance(row, Unreadable):
        raise SourceError(f"Row {row.number} cannot be read: {row.reason}")
    held = [value for name in _TEXTS if isinstance(value := row.values.get(name), str) and value.strip()]
    try:
        trace = read_trace(row.values)
    except SourceError as error:
        if not held:
            raise SourceError(f"Row {row.number} holds no text: {error}") from error
        return "", held[0]
    return trace.prompt, trace.response
