"""Rows read as queries: any shape of trace, with what makes a completion a query beside it."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from curation.errors import SourceError
from curation.traces.query import Query
from curation.traces.rows import Row, Unreadable, as_json, storable
from curation.traces.shapes import RECOGNISED, Fields, read_trace

CORRECT, INCORRECT = "correct", "incorrect"
_COMPLETIONS = ("completion", "response", "solution")


def read_queries(
    rows: Iterable[Row | Unreadable], group: str | None, fields: Fields = RECOGNISED
) -> Iterator[tuple[int, Query] | Unreadable]:
    """Read each row as a query, with its number; one that is none comes with its reason.

    A row with columns of the form {is_correct, solution} (GSM8K's example_model_solutions.jsonl) is one query
    for each of them.

    Args:
        rows: Rows of a source.
        group: The group that they belong to. If None, each row's `is_correct` says: correct or incorrect. If
            it is correct or incorrect, rows whose `is_correct` says otherwise are left out.
        fields: Names of the columns; what is not named is recognised.
    """
    for row in rows:
        if isinstance(row, Unreadable):
            yield row
            continue
        for values in _single(row.values, fields):
            try:
                query = _query(values, group, fields)
            except (SourceError, RecursionError) as error:
                raw = row.raw if values is row.values else as_json(values)
                yield Unreadable(row.number, storable(str(error)), raw)
            else:
                if query is not None:
                    yield row.number, query


def _single(values: Mapping[str, Any], fields: Fields) -> list[Mapping[str, Any]]:
    """The row itself, or one row for each of its model solutions."""
    solutions = {name: value for name, value in values.items() if _is_solution(value)}
    if not solutions or fields.response is not None:
        return [values]
    shared = {name: value for name, value in values.items() if name not in solutions}
    return [{**shared, **solution} for solution in solutions.values()]


def _is_solution(value: Any) -> bool:
    return (
        isinstance(value, Mapping) and "is_correct" in value and any(name in value for name in _COMPLETIONS)
    )


def _query(values: Mapping[str, Any], group: str | None, fields: Fields) -> Query | None:
    """A row with one completion as a query; None if it belongs to the other group."""
    is_correct = _is_correct(values.get("is_correct"))
    if group is None and is_correct is None:
        raise SourceError("The row has no is_correct, so its group must be named with --group.")
    judged = {True: CORRECT, False: INCORRECT, None: group}[is_correct]
    if group in (CORRECT, INCORRECT) and judged != group:
        return None
    trace = read_trace(values, fields)
    query = Query(group or judged or "", trace.prompt, trace.response, is_correct, system=trace.system)
    return replace(query, token_weights=_weights(values.get("token_weights")))


def _is_correct(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    raise SourceError(f"is_correct is {str(value)[:60]!r}, neither true nor false.")


def _weights(value: Any) -> tuple[float, ...] | None:
    """Token weights, rounded to the 32 bits that they are stored in."""
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise SourceError("token_weights is not a list of numbers.")
    if not all(isinstance(weight, int | float) and not isinstance(weight, bool) for weight in value):
        raise SourceError("token_weights holds something that is not a number.")
    try:
        weights = tuple(array("f", value))
    except OverflowError:
        weights = (math.inf,)
    if not all(map(math.isfinite, weights)):
        raise SourceError("token_weights holds a number that is not finite in 32 bits.")
    return weights
