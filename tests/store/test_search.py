"""Searching problems and responses, against plain Python over the same texts."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from curation.errors import ProjectError
from curation.store import search as searching
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.store.search import Search, check_pattern, found_in, search, search_slices
from tests.app.project import HOSTILE, build_project


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    opened = open_catalogue(build_project(tmp_path_factory.mktemp("search") / "project"))
    yield opened
    opened.close()


def ids(catalogue: Catalogue, wanted: Search) -> set[str]:
    return set(frame_of(catalogue).names_of(np.flatnonzero(search(catalogue, wanted))))


def holding(catalogue: Catalogue, text: str) -> set[str]:
    rows = catalogue.rows("SELECT trace_id, prompt, response FROM traces")
    return {trace_id for trace_id, prompt, response in rows if text in prompt or text in response}


@pytest.mark.parametrize("text", HOSTILE)
def test_search_takes_any_text_as_it_is_written(catalogue: Catalogue, text: str) -> None:
    found = ids(catalogue, Search(text))
    assert found == holding(catalogue, text)
    assert found


@pytest.mark.parametrize("text", HOSTILE)
def test_search_in_any_case_takes_any_text_too(catalogue: Catalogue, text: str) -> None:
    wanted = Search(text.swapcase(), "any case")
    assert ids(catalogue, wanted) == holding(catalogue, text)
    assert found_in(catalogue, wanted, [text, "nothing"]) == [text]


def test_a_pattern_finds_what_it_matches_and_says_what_that_was(catalogue: Catalogue) -> None:
    wanted = Search(r"#### \d+9$", "pattern")
    known = dict(catalogue.rows("SELECT trace_id, response FROM traces"))
    expected = {one for one, text in known.items() if re.search(wanted.text, text)}
    assert ids(catalogue, wanted) == expected
    assert expected
    assert set(found_in(catalogue, wanted, list(known.values()))) == {
        known[one].splitlines()[-1] for one in expected
    }
    with pytest.raises(ProjectError, match="no regular expression"):
        check_pattern("(")


def test_slices_add_up_and_say_how_far_they_are(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = search(catalogue, Search("bags"))
    monkeypatch.setattr(searching, "ROW_GROUP", 7)
    threads = catalogue.rows("SELECT current_setting('threads')")[0][0]
    slices = list(search_slices(catalogue, Search("bags")))
    shares = [share for share, _ in slices]
    assert len(slices) == -(-60 // (7 * threads))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert np.array_equal(np.logical_or.reduce([found for _, found in slices]), whole)
    assert sum(int(found.sum()) for _, found in slices) == int(whole.sum()) > 0
