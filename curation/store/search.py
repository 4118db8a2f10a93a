"""Searching problems and responses: slice by slice, so that it can tell how far it is and be stopped."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np

from curation.errors import ProjectError
from curation.store import database
from curation.store.catalogue import Catalogue
from curation.store.frame import Bools, frame_of

HIGHLIGHTED = 50
ROW_GROUP = 122_880  # Rows that DuckDB gives a thread at a time.


How = Literal["written", "any case", "pattern"]


@dataclass(frozen=True)
class Search:
    """What is looked for in problems and responses.

    Attributes:
        text: The text, or the regular expression (RE2: linear in the length of what is searched).
        how: "written" finds the text as it is, "any case" small and capital letters alike, "pattern" the expression.
    """

    text: str
    how: How = "written"

    @property
    def pattern(self) -> str:
        """The regular expression that finds the same."""
        return self.text if self.how == "pattern" else re.escape(self.text)

    @property
    def options(self) -> str:
        """Options of the regular expression."""
        return "i" if self.how == "any case" else "c"


def search(catalogue: Catalogue, wanted: Search) -> Bools:
    """(T,) whether something is found in each trace of the frame; a pattern was checked before."""
    inside = np.zeros(len(frame_of(catalogue)), dtype=bool)
    for _, found in search_slices(catalogue, wanted):
        inside |= found
    return inside


def search_slices(catalogue: Catalogue, wanted: Search) -> Iterator[tuple[float, Bools]]:
    """The same in slices: the share of the traces that has been looked at, and (T,) what the last slice found."""
    frame = frame_of(catalogue)
    if wanted.how == "written":
        condition, parameters = "contains(prompt, $3) OR contains(response, $3)", [wanted.text]
    else:
        condition = "regexp_matches(prompt, $3, $4) OR regexp_matches(response, $3, $4)"
        parameters = [wanted.pattern, wanted.options]
    done, rows_at_once = 0, ROW_GROUP * int(catalogue.rows("SELECT current_setting('threads')")[0][0])
    for alias, places in zip(catalogue.batch_aliases, frame.of_batch, strict=True):
        for start in range(0, len(places), rows_at_once):
            stop = min(start + rows_at_once, len(places))
            sql = f"SELECT rowid FROM {alias}.traces WHERE rowid >= $1 AND rowid < $2 AND ({condition})"
            rows = catalogue.table(sql, [start, stop, *parameters])["rowid"].to_numpy()
            found = np.zeros(len(frame), dtype=bool)
            found[places[rows]] = True
            done += stop - start
            yield done / len(frame), found


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


def found_in(catalogue: Catalogue, wanted: Search, texts: Sequence[str]) -> list[str]:
    """The different strings that a search finds in some texts, the longest first: what is to be highlighted."""
    if wanted.how == "written":
        return [wanted.text]
    rows = catalogue.rows(
        f"""SELECT DISTINCT hit FROM (SELECT unnest(regexp_extract_all(text, $2, 0, $3)) AS hit
            FROM (SELECT unnest($1) AS text)) WHERE hit <> '' ORDER BY length(hit) DESC, hit LIMIT {HIGHLIGHTED}""",
        [list(texts), wanted.pattern, wanted.options],
    )
    return [str(hit) for (hit,) in rows]
