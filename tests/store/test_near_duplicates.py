"""Reading groups of near-duplicates, and a project that has none."""

import shutil

from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.near_duplicates import group_of, near_duplicates
from curation.store.project import Project, open_project
from curation.store.publish import publishing
from curation.store.schema import NEAR_DUPLICATES
from curation.traces.trace import Trace
from tests.projects import add_batch

IDS = ["a", "b", "c", "d", "e"]


def searched(project: Project, groups: dict[str, int]) -> Catalogue:
    """Publish groups, and open the project."""
    with publishing(project.root / "duplicates", NEAR_DUPLICATES) as connection:
        for trace_id, group in groups.items():
            connection.execute("INSERT INTO near_duplicates VALUES (?, ?, 0.9)", [trace_id, group])
        connection.execute("INSERT INTO near_duplicate_search VALUES (5, 0.8, 5, 128, 0)")
    return open_catalogue(project)


def test_groups_are_read_with_their_sizes_and_members(project: Project) -> None:
    add_batch(project, [Trace("p", f"response {name}") for name in IDS], IDS)
    catalogue = searched(project, {"e": 0, "b": 1, "a": 0, "c": 0, "d": 1})
    found = near_duplicates(catalogue)
    assert found is not None
    assert (found.traces, found.threshold) == (5, 0.8)
    assert found.sizes.tolist() == [3, 2]
    assert found.indices[found.members(0)].tolist() == [0, 2, 4]
    assert found.indices[found.members(1)].tolist() == [1, 3]
    assert group_of(catalogue, "c") == ["a", "c", "e"]
    assert group_of(catalogue, "no-such-trace") == []


def test_the_newest_file_counts_and_an_empty_one_too(project: Project) -> None:
    add_batch(project, [Trace("p", name) for name in IDS], IDS)
    searched(project, {"a": 0, "b": 0})
    found = near_duplicates(searched(project, {}))
    assert found is not None
    assert (len(found.indices), len(found.sizes)) == (0, 0)
    project.duplicates[-1].write_bytes(b"damaged")
    catalogue = open_catalogue(project)
    assert group_of(catalogue, "a") == ["a", "b"]
    assert "duplicates/0002.duckdb cannot be read" in catalogue.problems[0]


def test_a_project_of_an_older_version_opens_as_before(project: Project) -> None:
    add_batch(project, [Trace("p", name) for name in IDS], IDS)
    before = project.files
    shutil.rmtree(project.root / "duplicates")
    opened = open_project(project.root)
    assert opened.files == before
    catalogue = open_catalogue(opened)
    assert catalogue.problems == []
    assert near_duplicates(catalogue) is None
    assert group_of(catalogue, "a") == []
    assert not (project.root / "duplicates").exists()
    assert near_duplicates(searched(opened, {"a": 0, "b": 0})) is not None


def test_a_trace_that_the_project_no_longer_holds_is_left_out(project: Project) -> None:
    add_batch(project, [Trace("p", name) for name in IDS], IDS)
    found = near_duplicates(searched(project, {"a": 0, "b": 0, "gone": 0}))
    assert found is not None
    assert found.indices.tolist() == [0, 1]
