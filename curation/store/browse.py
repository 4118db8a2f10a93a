"""Lists of traces, filtered and ranked in SQL: what a page shows is all that leaves DuckDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from curation.store.catalogue import Catalogue

SNIPPET = 160


@dataclass(frozen=True)
class View:
    """Which traces, in which order.

    Attributes:
        run_id: The run whose scores rank the list; None where there is none yet.
        score: Name of the score that ranks; None for the order of the source.
        descending: Highest first. Traces without the score come last either way.
        verdict: Only traces with this verdict; "none" for those never decided or undecided; "" for all.
        source: Only traces of this source; "" for all.
        low: Only scores of at least this.
        high: Only scores of at most this.
        facet: Only traces whose metadata hold this (key, value).
        among: Names of kept sets (`store.sets`) that a trace must be in.
    """

    run_id: str | None = None
    score: str | None = None
    descending: bool = True
    verdict: Literal["", "keep", "veto", "none"] = ""
    source: str = ""
    low: float | None = None
    high: float | None = None
    facet: tuple[str, str] | None = None
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class TraceLine:
    """A trace in a list: its score there, its verdict, and the first words of its texts."""

    trace_id: str
    value: float | None
    scores: dict[str, float | None]
    prompt: str
    response: str
    answer: str
    source: str
    verdict: str


def count(catalogue: Catalogue, view: View) -> int:
    """How many traces the view holds."""
    sql, parameters = _matching(catalogue, view)
    return int(catalogue.rows(f"SELECT count(*) FROM ({sql})", parameters)[0][0])


def page(
    catalogue: Catalogue, view: View, *, limit: int, offset: int = 0, also: tuple[str, ...] = ()
) -> list[TraceLine]:
    """One page of the view, in its order; the text columns are read for these traces alone.

    Args:
        catalogue: The project.
        view: Filter and order.
        limit: Traces on a page.
        offset: Traces before it.
        also: Further scores of the view's run to bring along.
    """
    sql, parameters = _matching(catalogue, view)
    ordered = catalogue.rows(
        f"SELECT trace_id, value FROM ({sql}) ORDER BY {_order(view)} LIMIT ? OFFSET ?",
        [*parameters, limit, offset],
    )
    return lines(catalogue, ordered, run_id=view.run_id, also=also)


def lines(
    catalogue: Catalogue,
    ranked: Sequence[tuple[str, float | None]],
    *,
    run_id: str | None = None,
    also: tuple[str, ...] = (),
) -> list[TraceLine]:
    """Put texts, verdicts and further scores to a short list of (trace_id, value), keeping its order."""
    ids = [trace_id for trace_id, _ in ranked]
    texts = catalogue.rows(
        f"""SELECT t.trace_id, left(t.prompt, {SNIPPET}), left(t.response, {SNIPPET}),
                   left(t.answer, {SNIPPET}), t.source, coalesce(v.verdict, '')
            FROM traces t LEFT JOIN verdicts v USING (trace_id) WHERE t.trace_id IN (SELECT unnest(?))""",
        [ids],
    )
    known = {row[0]: row[1:] for row in texts}
    extra: dict[str, dict[str, float | None]] = {trace_id: {} for trace_id in ids}
    if run_id and also:
        for trace_id, name, value in catalogue.rows(
            """SELECT trace_id, name, value FROM scores
               WHERE run_id = ? AND name IN (SELECT unnest(?)) AND trace_id IN (SELECT unnest(?))""",
            [run_id, list(also), ids],
        ):
            extra[trace_id][name] = value
    return [
        TraceLine(trace_id, value, extra[trace_id], *known[trace_id])
        for trace_id, value in ranked
        if trace_id in known
    ]


def neighbour(catalogue: Catalogue, view: View, trace_id: str, step: Literal[-1, 1]) -> str | None:
    """The trace after (1) or before (-1) one in the view's order, be that one still in the view or not."""
    value = _value(catalogue, view, trace_id)
    condition, parameters = _beyond(view, value, trace_id, step)
    sql, first = _matching(catalogue, view)
    found = catalogue.rows(
        f"SELECT trace_id FROM ({sql}) WHERE {condition} ORDER BY {_order(view, step)} LIMIT 1",
        [*first, *parameters],
    )
    return str(found[0][0]) if found else None


def position(catalogue: Catalogue, view: View, trace_id: str) -> int:
    """How many traces of the view come before this one."""
    value = _value(catalogue, view, trace_id)
    condition, parameters = _beyond(view, value, trace_id, -1)
    sql, first = _matching(catalogue, view)
    before = f"SELECT count(*) FROM ({sql}) WHERE {condition}"
    return int(catalogue.rows(before, [*first, *parameters])[0][0])


def _value(catalogue: Catalogue, view: View, trace_id: str) -> float | None:
    if view.run_id and view.score:
        sql = "SELECT value FROM scores WHERE run_id = ? AND name = ? AND trace_id = ?"
        found = catalogue.rows(sql, [view.run_id, view.score, trace_id])
    else:
        found = catalogue.rows("SELECT source_row FROM traces WHERE trace_id = ?", [trace_id])
    return found[0][0] if found else None


def _beyond(view: View, value: float | None, trace_id: str, step: int) -> tuple[str, list[Any]]:
    """The condition that a trace comes after (1) or before (-1) the place of (value, trace_id)."""
    later_id = "trace_id > ?" if step == 1 else "trace_id < ?"
    if value is None:
        others = "" if step == 1 else "value IS NOT NULL OR "
        return f"({others}(value IS NULL AND {later_id}))", [trace_id]
    later = "value < ?" if view.descending == (step == 1) else "value > ?"
    missing = " OR value IS NULL" if step == 1 else ""
    return f"({later} OR (value = ? AND {later_id}){missing})", [value, value, trace_id]


def _order(view: View, step: int = 1) -> str:
    forwards = "value DESC NULLS LAST, trace_id" if view.descending else "value ASC NULLS LAST, trace_id"
    backwards = (
        "value ASC NULLS FIRST, trace_id DESC" if view.descending else "value DESC NULLS FIRST, trace_id DESC"
    )
    return forwards if step == 1 else backwards


def _matching(catalogue: Catalogue, view: View) -> tuple[str, list[Any]]:
    """SELECT trace_id, value of all traces in the view, and its parameters."""
    base, parameters = _base(catalogue, view)
    conditions: list[str] = []
    if view.low is not None:
        conditions.append("value >= ?")
        parameters.append(view.low)
    if view.high is not None:
        conditions.append("value <= ?")
        parameters.append(view.high)
    if view.verdict == "none":
        conditions.append("trace_id NOT IN (SELECT trace_id FROM verdicts WHERE verdict <> 'undecided')")
    elif view.verdict:
        conditions.append("trace_id IN (SELECT trace_id FROM verdicts WHERE verdict = ?)")
        parameters.append(view.verdict)
    if view.source:
        conditions.append("trace_id IN (SELECT trace_id FROM traces WHERE source = ?)")
        parameters.append(view.source)
    if view.facet:
        conditions.append("trace_id IN (SELECT trace_id FROM traces WHERE metadata ->> ? = ?)")
        parameters += [pointer(view.facet[0]), view.facet[1]]
    conditions += [f'trace_id IN (SELECT trace_id FROM "{name}")' for name in view.among]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT trace_id, value FROM ({base}){where}", parameters


def _base(catalogue: Catalogue, view: View) -> tuple[str, list[Any]]:
    """Every trace with the value that ranks it; NULL where a run does not have it."""
    if not (view.run_id and view.score):
        return "SELECT trace_id, source_row::DOUBLE AS value FROM traces", []
    scored = "SELECT trace_id, value FROM scores WHERE run_id = ? AND name = ?"
    parameters = [view.run_id, view.score]
    missing = catalogue.rows(
        f"SELECT (SELECT count(*) FROM traces) - (SELECT count(*) FROM ({scored}))", parameters
    )[0][0]
    if missing:  # A join over all traces costs far more than reading the scores alone.
        return f"SELECT t.trace_id, s.value FROM traces t LEFT JOIN ({scored}) s USING (trace_id)", parameters
    return scored, parameters


def pointer(key: str) -> str:
    """A JSON pointer (RFC 6901) to a key of the metadata."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
