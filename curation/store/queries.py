"""Query groups: completions whose likelihood counts, read from files and published."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

import pyarrow as pa

from curation.errors import ProjectError, SourceError
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.database import load
from curation.store.ingest import in_turn
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import QUERIES
from curation.traces.query import Query
from curation.traces.query_rows import CORRECT, INCORRECT, read_queries
from curation.traces.readers import read_rows, source_name
from curation.traces.rows import Unreadable
from curation.traces.shapes import RECOGNISED, Fields

_SCHEMA = pa.schema(
    [
        ("query_id", pa.string()),
        ("group", pa.string()),
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("is_correct", pa.bool_()),
        ("token_weights", pa.list_(pa.float32())),
        ("system", pa.string()),
        ("source", pa.string()),
        ("source_row", pa.int64()),
    ]
)
_Found = tuple[int, Query]  # source row, query


def add_queries(
    project: Project,
    source: str,
    *,
    group: str | None,
    fields: Fields = RECOGNISED,
    split: str | None = None,
    limit: int | None = None,
    on_rejected: Callable[[Unreadable], None] | None = None,
) -> dict[str, int]:
    """Add the completions of a source as queries; those that the project has are left as they are.

    Args:
        project: The project.
        source: A .jsonl, .jsonl.gz, .json or .parquet file, a folder written by `save_to_disk`, or a hub id.
        group: The group's name. None for a file whose `is_correct` tells correct from incorrect; with the
            name correct or incorrect, only its rows of that kind are taken.
        fields: Names of the columns; what is not named is recognised.
        split: Of a dataset with splits, which one.
        limit: At most this many queries a group, from as many different prompts as there are: each prompt's
            first completion in the order of the source, then each prompt's second, and so on.
        on_rejected: Called with each row that is no query, and why.

    Returns:
        Number of new queries in each group found; 0 where all were there before.

    Raises:
        SourceError: The source cannot be read, or holds no query of that group.
    """
    if limit is not None and limit < 1:
        raise SourceError(f"A limit of {limit} reads nothing; use 1 or more.")
    if group is not None and not group.strip():
        raise SourceError("The group's name is empty; name it, as in --group gold.")
    wanted = {CORRECT, INCORRECT} if group is None else {group}
    found, rejected = _gather(read_queries(read_rows(source, split), group, fields), wanted, limit)
    if on_rejected:
        for row in rejected:
            on_rejected(row)
    if not found:
        why = f"; the first row: {rejected[0].reason}" if rejected else " of that group."
        raise SourceError(f"{source} holds no query{why}")
    return _publish(project, spread(found, limit), source_name(source, split))


def publish_queries(project: Project, queries: Sequence[Query], *, source: str) -> dict[str, int]:
    """Add queries made in code; `source` says by what. Returns and repeats like `add_queries`."""
    return _publish(project, list(enumerate(queries, 1)), source)


def load_queries(catalogue: Catalogue) -> list[Query]:
    """All queries of a project, by group, then in the order of their sources."""
    found = catalogue.rows(
        'SELECT "group", prompt, completion, is_correct, token_weights, system FROM queries '
        'ORDER BY "group", source, source_row, query_id'
    )
    return [
        Query(
            group, prompt, completion, is_correct, None if weights is None else tuple(weights), system or ""
        )
        for group, prompt, completion, is_correct, weights, system in found
    ]


def _gather(
    outcomes: Iterable[_Found | Unreadable], wanted: set[str], limit: int | None
) -> tuple[list[_Found], list[Unreadable]]:
    """Read until every wanted group has `limit` different prompts."""
    found: list[_Found] = []
    rejected: list[Unreadable] = []
    prompts: dict[str, set[str]] = {name: set() for name in wanted}
    for outcome in outcomes:
        if isinstance(outcome, Unreadable):
            rejected.append(outcome)
            continue
        found.append(outcome)
        prompts[outcome[1].group].add(outcome[1].prompt)
        if limit and all(len(different) >= limit for different in prompts.values()):
            break
    return found, rejected


def spread(found: Iterable[_Found], limit: int | None) -> list[_Found]:
    """At most `limit` queries a group: each prompt's first completion, then each prompt's second, ..."""
    turns: Counter[tuple[str, str]] = Counter()
    ordered: list[tuple[int, _Found]] = []
    for row, query in found:
        turns[query.group, query.prompt] += 1
        ordered.append((turns[query.group, query.prompt], (row, query)))
    ordered.sort(key=itemgetter(0))
    taken: Counter[str] = Counter()
    chosen = []
    for _, (row, query) in ordered:
        taken[query.group] += 1
        if limit is None or taken[query.group] <= limit:
            chosen.append((row, query))
    return chosen


def _publish(project: Project, found: Sequence[_Found], source: str) -> dict[str, int]:
    """Write the queries that the project does not have."""
    folder = project.root / "queries"
    with in_turn(folder):
        known = _known(project)
        new = {query.query_id: (row, query) for row, query in reversed(found) if query.query_id not in known}
        if new:
            with publishing(folder, QUERIES) as connection:
                load(connection, "queries", _table(sorted(new.values(), key=itemgetter(0)), source))
    added = Counter(query.group for _, query in new.values())
    return {group: added[group] for group in dict.fromkeys(query.group for _, query in found)}


def _known(project: Project) -> set[str]:
    catalogue = open_catalogue(project)
    try:
        if damaged := [problem for problem in catalogue.problems if problem.startswith("queries")]:
            raise ProjectError(damaged[0])
        return {query_id for (query_id,) in catalogue.rows("SELECT query_id FROM queries")}
    finally:
        catalogue.close()


def _table(found: Sequence[_Found], source: str) -> pa.Table:
    rows = [
        {
            "query_id": query.query_id,
            "group": query.group,
            "prompt": query.prompt,
            "completion": query.completion,
            "is_correct": query.is_correct,
            "token_weights": query.token_weights,
            "system": query.system,
            "source": source,
            "source_row": row,
        }
        for row, query in found
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
