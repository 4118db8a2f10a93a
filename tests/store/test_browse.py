"""Lists in SQL: order, filters, paging and neighbours, against plain Python over the same rows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.errors import ProjectError
from curation.store.browse import View, count, neighbour, page, position
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.decisions import decide
from curation.store.sets import Search, check_pattern, found_in, id_set, search_set
from tests.app.project import HOSTILE, RUN_ID, build_project

SCORE = "influence/gold"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    opened = open_catalogue(build_project(tmp_path_factory.mktemp("browse") / "project"))
    yield opened
    opened.close()


def values(catalogue: Catalogue, name: str = SCORE) -> dict[str, float | None]:
    """Every trace with its value, None where the run has none."""
    scored = dict(catalogue.rows("SELECT trace_id, value FROM scores WHERE name = ?", [name]))
    return {trace_id: scored.get(trace_id) for (trace_id,) in catalogue.rows("SELECT trace_id FROM traces")}


def ranked(found: dict[str, float | None], descending: bool) -> list[str]:
    """Ids by value, ties and the end by id."""
    sign = -1.0 if descending else 1.0
    return sorted(found, key=lambda i: (found[i] is None, sign * (found[i] or 0.0), i))


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", [SCORE, "rsr"])
def test_pages_follow_the_score_either_way(catalogue: Catalogue, name: str, descending: bool) -> None:
    view = View(RUN_ID, name, descending)
    expected = ranked(values(catalogue, name), descending)
    assert count(catalogue, view) == len(expected) == 60
    pages = [page(catalogue, view, limit=25, offset=offset) for offset in (0, 25, 50)]
    assert [line.trace_id for lines in pages for line in lines] == expected


def test_a_trace_without_the_score_comes_last_and_has_no_value(catalogue: Catalogue) -> None:
    for descending in (True, False):
        last = page(catalogue, View(RUN_ID, "rsr", descending), limit=60)[-1]
        assert last.value is None


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", [SCORE, "rsr"])
def test_neighbours_walk_through_the_whole_list_and_back(
    catalogue: Catalogue, name: str, descending: bool
) -> None:
    view = View(RUN_ID, name, descending)
    expected = ranked(values(catalogue, name), descending)
    for place, trace_id in enumerate(expected):
        assert position(catalogue, view, trace_id) == place
        following = expected[place + 1] if place + 1 < len(expected) else None
        assert neighbour(catalogue, view, trace_id, 1) == following
        assert neighbour(catalogue, view, trace_id, -1) == (expected[place - 1] if place else None)


def test_without_a_run_the_list_is_in_the_order_of_the_source(catalogue: Catalogue) -> None:
    lines = page(catalogue, View(descending=False), limit=60)
    rows = [
        catalogue.rows("SELECT source_row FROM traces WHERE trace_id = ?", [i.trace_id])[0] for i in lines
    ]
    assert rows == sorted(rows)


def test_score_range_source_and_metadata_filter(catalogue: Catalogue) -> None:
    known = values(catalogue)
    inside = {trace_id for trace_id, value in known.items() if value is not None and 0.5 <= value <= 2}
    view = View(RUN_ID, SCORE, low=0.5, high=2)
    assert {line.trace_id for line in page(catalogue, view, limit=60)} == inside
    assert count(catalogue, View(RUN_ID, SCORE, source="sums.jsonl")) == 60 - len(HOSTILE)
    assert count(catalogue, View(RUN_ID, SCORE, facet=("flaw", "wrong step"))) == 6
    assert count(catalogue, View(RUN_ID, SCORE, facet=("level", "0"))) == 18
    assert count(catalogue, View(RUN_ID, SCORE, facet=("no/such~key", "0"))) == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_search_takes_any_text_as_it_is_written(catalogue: Catalogue, text: str) -> None:
    view = View(RUN_ID, SCORE, among=(search_set(catalogue, Search(text)),))
    assert [line.response for line in page(catalogue, view, limit=60)] == [text[:160]]
    assert count(catalogue, View()) == 60


@pytest.mark.parametrize("text", HOSTILE)
def test_search_in_any_case_takes_any_text_too(catalogue: Catalogue, text: str) -> None:
    search = Search(text.swapcase(), "any case")
    view = View(RUN_ID, SCORE, among=(search_set(catalogue, search),))
    assert [line.response for line in page(catalogue, view, limit=60)] == [text[:160]]
    assert found_in(catalogue, search, [text, "nothing"]) == [text]


def test_a_pattern_finds_what_it_matches_and_says_what_that_was(catalogue: Catalogue) -> None:
    search = Search(r"#### \d+9$", "pattern")
    known = dict(catalogue.rows("SELECT trace_id, response FROM traces"))
    expected = {one for one, text in known.items() if re.search(search.text, text)}
    view = View(among=(search_set(catalogue, search),))
    assert {line.trace_id for line in page(catalogue, view, limit=60)} == expected
    assert expected
    assert set(found_in(catalogue, search, list(known.values()))) == {
        known[one].splitlines()[-1] for one in expected
    }
    with pytest.raises(ProjectError, match="no regular expression"):
        check_pattern("(")


def test_kept_sets_are_found_again_and_the_oldest_make_room(catalogue: Catalogue) -> None:
    ids = list(values(catalogue))
    first = id_set(catalogue, ids[:3])
    assert id_set(catalogue, ids[:3]) == first
    for n in range(10):
        assert count(catalogue, View(RUN_ID, SCORE, among=(id_set(catalogue, ids[n : n + 2]),))) == 2
    kept = catalogue.rows("SELECT count(*) FROM duckdb_tables() WHERE starts_with(table_name, 'set_')")[0][0]
    assert kept == 8
    assert count(catalogue, View(RUN_ID, SCORE, among=(id_set(catalogue, ids[:3]),))) == 3


def test_verdicts_filter_and_show(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project")
    catalogue = open_catalogue(project)
    first, second, third = ranked(values(catalogue), descending=True)[:3]
    decide(project, [first], "veto")
    decide(project, [second], "keep")
    decide(project, [third], "veto")
    decide(project, [third], "undecided")
    catalogue.refresh()
    assert [line.trace_id for line in page(catalogue, View(RUN_ID, SCORE, verdict="veto"), limit=9)] == [
        first
    ]
    assert [line.trace_id for line in page(catalogue, View(RUN_ID, SCORE, verdict="keep"), limit=9)] == [
        second
    ]
    assert count(catalogue, View(RUN_ID, SCORE, verdict="none")) == 58
    verdicts = [line.verdict for line in page(catalogue, View(RUN_ID, SCORE), limit=4)]
    assert verdicts == ["veto", "keep", "undecided", ""]
    # A trace that the filter just let go of still has its place.
    undecided = View(RUN_ID, SCORE, verdict="none")
    assert neighbour(catalogue, undecided, first, 1) == third


def test_further_scores_come_along(catalogue: Catalogue) -> None:
    line = page(catalogue, View(RUN_ID, SCORE), limit=1, also=("tokens", "perplexity", "unknown"))[0]
    assert line.scores == {
        "tokens": values(catalogue, "tokens")[line.trace_id],
        "perplexity": values(catalogue, "perplexity")[line.trace_id],
    }
