"""A row of a source as it was found: readable or not, with the text to keep if it is turned away."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One readable row.

    Attributes:
        number: Its line in a file, or its index in a dataset, counted from 1.
        values: Its columns.
        text: The row as it stood in the source; None where the source is no text.
    """

    number: int
    values: Mapping[str, Any]
    text: str | None = None

    @property
    def raw(self) -> str:
        """The row as a text that fits into any database."""
        return storable(self.text) if self.text is not None else as_json(self.values)


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be used: where it stood, why, and its text, which fits into any database."""

    number: int
    reason: str
    raw: str


def storable(text: str) -> str:
    r"""The text itself, or with its lone surrogates, which UTF-8 cannot hold, written out as \udXXX."""
    return text.encode("utf-8", "backslashreplace").decode()


def as_json(value: Any) -> str:
    """Any row or column as strict JSON that fits into any database: no NaN, no lone surrogate.

    Dates become texts, bytes become texts with \\xXX for what is no UTF-8, NaN becomes null.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, default=_plain)
    except (ValueError, TypeError):
        return as_json(_strict(value))
    return text


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _strict(value: Any) -> Any:
    """The same value with text keys only and without NaN and infinities."""
    if isinstance(value, Mapping):
        return {str(key): _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
