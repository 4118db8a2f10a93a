"""Views by arrays: order, filters, paging and neighbours, against plain Python over the same rows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from curation.errors import ProjectError
from curation.store.browse import lines
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.columns import score_by_trace, source_rows
from curation.store.decisions import decide
from curation.store.facets import SOURCE, facet, facet_keys
from curation.store.frame import frame_of
from curation.store.saved_views import delete_view, list_views, load_view, save_view
from curation.store.search import Search, search
from curation.store.verdicts import verdicts_of
from curation.store.view import (
    Facts,
    Listing,
    Range,
    View,
    conditions,
    in_order,
    inside,
    trace_set,
)
from tests.app.project import HOSTILE, RUN_ID, build_project

SCORE = "influence/gold"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    opened = open_catalogue(build_project(tmp_path_factory.mktemp("view") / "project"))
    yield opened
    opened.close()


def facts(catalogue: Catalogue, view: View) -> Facts:
    """All that the view looks at; the selection is every third trace."""
    frame = frame_of(catalogue)
    return Facts(
        frame,
        {one.score: score_by_trace(catalogue, RUN_ID, one.score) for one in view.ranges},
        {key: facet(catalogue, key) for key, _ in view.facets},
        verdicts_of(catalogue).codes,
        np.arange(len(frame)) % 3 == 0,
        search(catalogue, view.search) if view.search else None,
    )


def listing(catalogue: Catalogue, view: View) -> Listing:
    values = score_by_trace(catalogue, RUN_ID, view.score) if view.score else source_rows(catalogue)
    order = in_order(values, descending=view.descending)
    frame = frame_of(catalogue)
    return Listing(frame, values, order, inside(conditions(view, facts(catalogue, view)), frame))


def ids(catalogue: Catalogue, view: View) -> list[str]:
    return [trace_id for trace_id, _ in listing(catalogue, view).page(100)]


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
    made = listing(catalogue, View(name, descending))
    expected = ranked(values(catalogue, name), descending)
    assert made.count == len(expected) == 60
    pages = [made.page(25, offset) for offset in (0, 25, 50)]
    assert [trace_id for page in pages for trace_id, _ in page] == expected
    assert [value for page in pages for _, value in page] == [
        values(catalogue, name)[one] for one in expected
    ]


def test_a_trace_without_the_score_comes_last_and_has_no_value(catalogue: Catalogue) -> None:
    for descending in (True, False):
        assert listing(catalogue, View("rsr", descending)).page(60)[-1][1] is None


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", [SCORE, "rsr"])
def test_neighbours_walk_through_the_whole_list_and_back(
    catalogue: Catalogue, name: str, descending: bool
) -> None:
    made = listing(catalogue, View(name, descending))
    expected = ranked(values(catalogue, name), descending)
    for place, trace_id in enumerate(expected):
        assert made.position(trace_id) == place
        following = expected[place + 1] if place + 1 < len(expected) else None
        assert made.neighbour(trace_id, 1) == following
        assert made.neighbour(trace_id, -1) == (expected[place - 1] if place else None)
    assert made.neighbour("no such trace", 1) is None


def test_without_a_run_the_list_is_in_the_order_of_the_source(catalogue: Catalogue) -> None:
    rows = [
        catalogue.rows("SELECT source_row FROM traces WHERE trace_id = ?", [one])[0]
        for one in ids(catalogue, View(descending=False))
    ]
    assert len(rows) == 60
    assert rows == sorted(rows)


def test_filters_by_plain_python(catalogue: Catalogue) -> None:
    known, perplexity = values(catalogue), values(catalogue, "perplexity")
    middle = sorted(value for value in perplexity.values() if value is not None)[30]
    meta = dict(catalogue.rows("SELECT trace_id, metadata ->> '$.level' FROM traces"))
    sources = dict(catalogue.rows("SELECT trace_id, source FROM traces"))
    order = sorted(known)
    tests: list[tuple[View, Callable[[str], bool]]] = [
        (View(SCORE, ranges=(Range(SCORE, 0.5, 2),)), lambda one: 0.5 <= (known[one] or 0) <= 2),
        (
            View(SCORE, ranges=(Range(SCORE, 0.5), Range("perplexity", None, middle))),
            lambda one: (known[one] or 0) >= 0.5 and (perplexity[one] or 1e9) <= middle,
        ),
        (View(SCORE, facets=(("level", ("0", "2")),)), lambda one: meta[one] in ("0", "2")),
        (
            View(SCORE, facets=(("level", ("1",)), (SOURCE, ("sums.jsonl",)))),
            lambda one: meta[one] == "1" and sources[one] == "sums.jsonl",
        ),
        (View(SCORE, selection="in"), lambda one: order.index(one) % 3 == 0),
        (View(SCORE, selection="out"), lambda one: order.index(one) % 3 != 0),
        (View(SCORE, among=trace_set([*order[:3], "no such trace"])), lambda one: one in order[:3]),
        (View(SCORE, among=trace_set([])), lambda one: False),
    ]
    for view, keeps in tests:
        assert set(ids(catalogue, view)) == {one for one in known if keeps(one)}, view
    assert 0 < len(ids(catalogue, tests[1][0])) < 30


def test_counts_of_a_facet_leave_its_own_filter_out(catalogue: Catalogue) -> None:
    view = View(SCORE, facets=(("level", ("0",)), (SOURCE, ("sums.jsonl",))))
    looked = facts(catalogue, view)
    held = conditions(view, looked)
    level = facet(catalogue, "level")
    assert dict(zip(level.values, level.counts(inside({}, looked.frame)), strict=True)) == {
        "0": 18,
        "1": 18,
        "2": 17,
    }
    counts = level.counts(inside(held, looked.frame, without="facet:level"))
    from_sums = dict(
        catalogue.rows(
            """SELECT metadata ->> '$.level' AS level, count(*) FROM traces
               WHERE source = 'sums.jsonl' AND level IS NOT NULL GROUP BY level"""
        )
    )
    assert dict(zip(level.values, counts, strict=True)) == from_sums


def test_facets_are_the_source_and_the_keys_with_few_values(catalogue: Catalogue) -> None:
    keys = facet_keys(catalogue)
    assert keys[0] == SOURCE
    assert {"level", "flaw"} <= set(keys)
    found = facet(catalogue, SOURCE)
    assert found.values[0] == "sums.jsonl"
    assert found.counts(np.ones(60, bool))[0] == 60 - len(HOSTILE)
    missing = facet(catalogue, "no/such~key")
    assert missing.values == ()
    assert (missing.codes == -1).all()
    assert not missing.mask(("0",)).any()


def test_verdicts_filter_and_show(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project")
    catalogue = open_catalogue(project)
    first, second, third = ranked(values(catalogue), descending=True)[:3]
    before = verdicts_of(catalogue)
    decide(project, [first], "veto")
    decide(project, [second], "keep")
    decide(project, [third, "not of this project"], "veto")
    decide(project, [third], "undecided")
    catalogue.refresh()
    assert not before.codes.any()
    assert ids(catalogue, View(SCORE, verdict="veto")) == [first]
    assert ids(catalogue, View(SCORE, verdict="keep")) == [second]
    assert len(ids(catalogue, View(SCORE, verdict="none"))) == 58
    shown = lines(catalogue, listing(catalogue, View(SCORE)).page(4))
    assert [line.verdict for line in shown] == ["veto", "keep", "undecided", "undecided"]
    # A trace that the filter just let go of still has its place.
    assert listing(catalogue, View(SCORE, verdict="none")).neighbour(first, 1) == third
    assert listing(catalogue, View(SCORE, verdict="none")).neighbour(third, -1) is None


def test_another_log_in_the_place_of_the_first_is_read_whole(tmp_path: Path) -> None:
    one, other = build_project(tmp_path / "one"), build_project(tmp_path / "other")
    catalogue = open_catalogue(one)
    a, b, c = ranked(values(catalogue), descending=True)[:3]
    decide(one, [a, b], "veto")
    catalogue.refresh()
    decide(other, [c], "keep")
    one.decisions.write_bytes(other.decisions.read_bytes())
    catalogue.refresh()
    assert ids(catalogue, View(SCORE, verdict="veto")) == []
    assert ids(catalogue, View(SCORE, verdict="keep")) == [c]


VIEWS = [
    View(),
    View(
        "influence/gold",
        False,
        "none",
        (Range("perplexity", None, 2.5), Range("rsr", -1.0, 0.25)),
        (("level", ("0", "1")), (SOURCE, ('odd "name"\\ [x].jsonl',))),
        "out",
        Search('"""\n[[ \u202e', "any case"),
        columns=("tokens", 'less/odd "name" \n = [x]'),
    ),
]


@pytest.mark.parametrize("view", VIEWS)
def test_a_saved_view_comes_back_as_it_was(tmp_path: Path, view: View) -> None:
    project = build_project(tmp_path / "project")
    save_view(project, "my view", view)
    assert list_views(project) == ["my view"]
    assert load_view(project, "my view") == view
    delete_view(project, "my view")
    delete_view(project, "my view")
    assert list_views(project) == []


def test_damaged_and_impossible_views_say_so(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project")
    for name in ("", "../up", "a/b", ".hidden"):
        with pytest.raises(ProjectError, match="cannot name a view"):
            save_view(project, name, View())
    with pytest.raises(ProjectError, match="no view 'gone'"):
        load_view(project, "gone")
    folder = project.root / "views"
    folder.mkdir()
    for text in (
        "verdict = 'maybe'",
        "= 1",
        "ranges = 3",
        "facets = [{key = 'a'}]",
        "score = ",
        "columns = 'rsr'",
    ):
        (folder / "bad.toml").write_text(text)
        with pytest.raises(ProjectError, match=r"views/bad.toml cannot be read"):
            load_view(project, "bad")
