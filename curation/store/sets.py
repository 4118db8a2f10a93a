"""Kept sets of traces: what a search or a lasso found, held in memory so that paging never repeats it."""

import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from curation.errors import ProjectError
from curation.store import database
from curation.store.catalogue import Catalogue

KEPT = 8
HIGHLIGHTED = 50
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Search:
    """What is looked for in problems and responses.

    Attributes:
        text: The text, or the regular expression (RE2: linear in the length of what is searched).
        how: "written" finds the text as it is, "any case" small and capital letters alike, "pattern" the expression.
    """

    text: str
    how: Literal["written", "any case", "pattern"] = "written"

    @property
    def pattern(self) -> str:
        """The regular expression that finds the same."""
        return self.text if self.how == "pattern" else re.escape(self.text)

    @property
    def options(self) -> str:
        """Options of the regular expression."""
        return "i" if self.how == "any case" else "c"


def search_set(catalogue: Catalogue, search: Search) -> str:
    """Name of the set of traces in whose problem or response something is found; a pattern was checked before."""
    if search.how == "written":
        condition, parameters = "contains(prompt, $1) OR contains(response, $1)", [search.text]
    else:
        condition = "regexp_matches(prompt, $1, $2) OR regexp_matches(response, $1, $2)"
        parameters = [search.pattern, search.options]
    name = _name("search", f"{search.how}:{search.text}")
    with _one_at_a_time:
        if not _known(catalogue, name):
            _make_room(catalogue)
            catalogue.rows(
                f'CREATE TABLE "{name}" AS SELECT trace_id FROM traces WHERE {condition}', parameters
            )
    return name


def check_pattern(text: str) -> None:
    """Refuse what is no regular expression.

    Raises:
        ProjectError: It is none.
    """
    try:
        with database.connect() as connection:
            database.rows(connection, "SELECT regexp_matches('', ?)", [text])
    except duckdb.InvalidInputException as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        raise ProjectError(f"{text[:60]!r} is no regular expression: {reason[:200]}.") from error


def found_in(catalogue: Catalogue, search: Search, texts: Sequence[str]) -> list[str]:
    """The different strings that a search finds in some texts, the longest first: what is to be highlighted."""
    if search.how == "written":
        return [search.text]
    rows = catalogue.rows(
        f"""SELECT DISTINCT hit FROM (SELECT unnest(regexp_extract_all(text, $2, 0, $3)) AS hit
            FROM (SELECT unnest($1) AS text)) WHERE hit <> '' ORDER BY length(hit) DESC, hit LIMIT {HIGHLIGHTED}""",
        [list(texts), search.pattern, search.options],
    )
    return [str(hit) for (hit,) in rows]


def id_set(catalogue: Catalogue, trace_ids: Sequence[str]) -> str:
    """Name of a set of given traces."""
    name = _name("ids", "\n".join(trace_ids))
    with _one_at_a_time:
        if not _known(catalogue, name):
            _make_room(catalogue)
            with catalogue.connection.cursor() as cursor:
                cursor.execute(f'CREATE TABLE "{name}" (trace_id VARCHAR)')
                database.load(cursor, name, pa.table({"trace_id": pa.array(trace_ids, pa.string())}))
    return name


def _name(kind: str, content: str) -> str:
    return f"set_{kind}_{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _known(catalogue: Catalogue, name: str) -> bool:
    return bool(catalogue.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]))


def _make_room(catalogue: Catalogue) -> None:
    """Drop the oldest sets, so that no more than KEPT stay in memory."""
    names = catalogue.rows(
        "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'set_') ORDER BY table_oid"
    )
    for (name,) in names[: max(0, len(names) - KEPT + 1)]:
        catalogue.rows(f'DROP TABLE IF EXISTS "{name}"')
