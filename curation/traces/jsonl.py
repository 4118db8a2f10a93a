"""JSON Lines, and JSON files that hold one array: row by row, whatever stands in a line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.errors import SourceError
from curation.traces.rows import Row, Unreadable, as_json

_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_PEEK = 4096


def read_json_lines(path: Path) -> Iterator[Row | Unreadable]:
    """Read a .jsonl, .jsonl.gz or .json file; a .json file may hold one array instead of lines.

    Empty lines are skipped but counted. NaN reads as a missing value.

    Raises:
        SourceError: The file cannot be opened, is UTF-16, or its array is broken.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_PEEK)
        if start.startswith(_UTF16_BOMS):
            raise SourceError(f"{path} is UTF-16; save it as UTF-8.")
        if path.suffix.lower() == ".json" and start.removeprefix(_BOM).lstrip().startswith(b"["):
            yield from _read_array(path)
        else:
            yield from _read_lines(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read_lines(path: Path) -> Iterator[Row | Unreadable]:
    number = 0
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        try:
            for number, line in enumerate(file, 1):
                content = line.removeprefix(_BOM) if number == 1 else line
                if not content.isspace() and content:
                    yield _parse(number, content.rstrip(b"\r\n"))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if number == 0:
                raise SourceError(f"{path} is no readable gzip file: {error}.") from error
            yield Unreadable(number + 1, f"The compressed file breaks off here: {error}.", "")


def _parse(number: int, line: bytes) -> Row | Unreadable:
    """One line as a row; the reason and the line itself if it is none."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        reason = f"Not valid UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1}."
        return Unreadable(number, reason, line.decode("utf-8", "backslashreplace"))
    try:
        values = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return Unreadable(number, f"Not valid JSON, column {error.colno}: {error.msg}.", text)
    except (ValueError, RecursionError) as error:
        return Unreadable(number, f"Not usable JSON: {error}.", text)
    if not isinstance(values, dict):
        return Unreadable(number, f"Not a JSON object but {type(values).__name__}.", text)
    return Row(number, values, text)


def _read_array(path: Path) -> Iterator[Row | Unreadable]:
    try:
        values = _DECODER.decode(path.read_bytes().removeprefix(_BOM).decode())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} holds no whole JSON array: {error}.") from error
    for number, value in enumerate(values, 1):
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            yield Unreadable(number, f"Not a JSON object but {type(value).__name__}.", as_json(value))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two values one would vanish unseen."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return values


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)
