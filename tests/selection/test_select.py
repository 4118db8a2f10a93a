"""Recipes and decisions on a real project."""

from pathlib import Path

import pytest

from curation.errors import SelectionError
from curation.selection.recipes import Recipe
from curation.selection.select import Selection, select
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide, undo
from curation.store.project import Project
from tests.projects import add_batch, add_queries, add_run, project_of, short_traces

IDS = ["a", "b", "c", "d"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = project_of(tmp_path / "p", ["c", "a", "d", "b"])
    scores = {
        "perplexity": {"a": 1.0, "b": 2.0, "c": 3.0, "d": None},
        "influence/gold": dict(zip(IDS, (4.0, 3.0, 2.0, 1.0), strict=True)),
    }
    add_run(project, "first", scores, unscored={"d": "its completion is empty"})
    return project


def made(project: Project, recipe: Recipe, number: int | None = None) -> Selection:
    catalogue = open_catalogue(project)
    try:
        return select(catalogue, recipe, decision_number=number)
    finally:
        catalogue.close()


def test_a_recipe_alone(project: Project) -> None:
    selection = made(project, Recipe("bottom:perplexity", count=2))
    assert selection.trace_ids == ("a", "b", "c", "d")
    assert selection.selected.tolist() == [True, True, False, False]
    assert selection.selected_ids == ("a", "b")
    assert selection.recipe.run_id == "first"
    assert selection.why == [
        "kept: perplexity is #3 of 3, among the lowest 2",
        "kept: perplexity is #2 of 3, among the lowest 2",
        "pruned: perplexity is #1 of 3, not among the lowest 2",
        "not scored: its completion is empty",
    ]
    assert (selection.counts.kept, selection.counts.pruned, selection.counts.not_scored) == (2, 2, 1)
    assert selection.notes == ("1 of 4 traces are not scored, and a recipe never keeps those.",)


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (Recipe("mid-ppl", count=1), "pruned: perplexity is #3 of 3, outside the middle 33.3%"),
        (Recipe("top-ppl", count=1), "pruned: perplexity is #3 of 3, not among the highest 1"),
        (Recipe("influence", count=1), "kept: influence/gold is #1 of 4, among the highest 1"),
        (Recipe("random", count=4, seed=7), "kept: drawn with seed 7"),
    ],
)
def test_why_in_words(project: Project, recipe: Recipe, says: str) -> None:
    assert made(project, recipe).why[0] == says


def test_asking_for_more_than_there_is(project: Project) -> None:
    selection = made(project, Recipe("top:perplexity", count=10))
    assert selection.selected_ids == ("a", "b", "c")
    assert "Of 10 traces asked for only 3 could be kept." in selection.notes


def test_decisions_beat_the_recipe_and_it_ignores_them(project: Project) -> None:
    recipe = Recipe("influence", count=2)
    before = made(project, recipe)
    decide(project, ["a"], "veto", reason="wrong step")
    decide(project, ["d"], "keep")
    decide(project, ["b"], "undecided", note="look again")
    decide(project, ["gone"], "keep")
    after = made(project, recipe)
    assert before.selected_ids == ("a", "b")
    assert after.selected_ids == ("b", "d")
    assert after.choice.kept.tolist() == before.choice.kept.tolist()
    assert after.why[0] == "vetoed by hand: wrong step"
    assert after.why[3] == "kept by hand"
    assert after.decision_number == 4
    counts = after.counts
    assert (counts.vetoed_by_hand, counts.kept_by_hand, counts.conflicts, counts.kept, counts.pruned) == (
        1,
        1,
        2,
        2,
        1,
    )


def test_a_decision_that_agrees_is_no_conflict(project: Project) -> None:
    decide(project, ["a"], "keep")
    decide(project, ["d"], "veto")
    counts = made(project, Recipe("influence", count=2)).counts
    assert (counts.conflicts, counts.kept_by_hand, counts.vetoed_by_hand) == (0, 1, 1)


def test_as_of_an_earlier_decision(project: Project) -> None:
    first = decide(project, ["a"], "veto")
    undo(project)
    recipe = Recipe("influence", count=2)
    assert made(project, recipe).selected_ids == ("a", "b")
    assert made(project, recipe, first.number).selected_ids == ("b",)
    assert made(project, recipe, 0).selected_ids == ("a", "b")


def test_the_newest_run_that_has_the_score(project: Project) -> None:
    add_run(project, "zz-older", {"influence/gold": dict.fromkeys(IDS, 0.0)}, day=1)
    add_run(project, "newer", {"influence/gold": dict(zip(IDS, (1.0, 2.0, 3.0, 4.0), strict=True))}, day=3)
    add_run(project, "newest", {"nll": dict.fromkeys(IDS, 1.0), "influence/gold": dict.fromkeys(IDS)}, day=4)
    selection = made(project, Recipe("influence", count=1))
    assert (selection.recipe.run_id, selection.selected_ids) == ("newer", ("d",))
    assert made(project, Recipe("influence", count=1, run_id="first")).selected_ids == ("a",)
    assert made(project, Recipe("mid-ppl", count=1)).recipe.run_id == "first"


def test_the_default_group(project: Project) -> None:
    assert made(project, Recipe("influence")).recipe.group == "gold"
    add_run(project, "second", {"influence/correct": dict.fromkeys(IDS, 1.0)}, day=2)
    assert made(project, Recipe("influence")).recipe.group == "correct"


def test_random_needs_no_run(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", IDS)
    one, two = made(project, Recipe("random", seed=1)), made(project, Recipe("random", seed=1))
    assert one.selected_ids == two.selected_ids
    assert one.counts.kept == 2
    assert {sentence.split(":")[0] for sentence in one.why} == {"kept", "pruned"}


def test_an_empty_project(tmp_path: Path) -> None:
    assert made(project_of(tmp_path / "p", []), Recipe("random")).trace_ids == ()


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (Recipe("top:rsr"), "No run|does not hold"),
        (Recipe("influence", run_id="other"), "no run 'other'; the project has first"),
        (Recipe("influence-combined"), "influence-rank/correct"),
        (Recipe("rds+"), "embeddings of queries in group gold or correct"),
    ],
)
def test_what_no_run_holds(project: Project, recipe: Recipe, says: str) -> None:
    with pytest.raises(SelectionError, match=says):
        made(project, recipe)


def test_nothing_scored_yet(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="nothing is scored yet"):
        made(project_of(tmp_path / "p", IDS), Recipe("mid-ppl"))


def test_small_groups_are_refused(project: Project) -> None:
    scores = {name: dict.fromkeys(IDS, 1.0) for name in ("influence/correct", "influence-rank/correct")}
    add_run(project, "second", scores, day=2)
    add_queries(project, {"correct": 3})
    with pytest.raises(SelectionError, match="Group correct has 3 queries"):
        made(project, Recipe("influence-correct"))
    assert made(project, Recipe("influence-correct", fewest_queries=3)).counts.kept == 2
    add_queries(project, {"correct": 5})
    selection = made(project, Recipe("influence-correct"))
    assert selection.notes == ("Group correct has 5 queries.",)
    assert (
        selection.why[0] == "kept: influence/correct is #1, influence-rank/correct is #1 of 4, not both low"
    )


def test_rds_reads_embeddings_of_the_run(project: Project) -> None:
    vectors = {"a": (1.0, 0.0), "b": (9.0, 1.0), "c": (0.0, 2.0), "d": (0.0, 0.0)}
    queries = {("gold", "q2"): (0.0, 1.0), ("gold", "q1"): (1.0, 0.0), ("incorrect", "q0"): (-1.0, -1.0)}
    add_run(project, "second", {}, vectors=vectors, query_vectors=queries, day=2)
    selection = made(project, Recipe("rds+", count=2))
    assert (selection.selected_ids, selection.recipe.group) == (("a", "c"), "gold")
    assert selection.why[1] == "pruned: not among the 2 picks for the queries of gold"
    assert made(project, Recipe("rds+:incorrect", count=1)).selected_ids == ("d",)


def test_traces_that_come_after_the_run_are_not_scored(project: Project) -> None:
    add_batch(project, short_traces(1), ["e"])
    selection = made(project, Recipe("influence", keep=1))
    assert selection.why[4] == "not scored: influence/gold was not computed"
    assert selection.selected_ids == ("a", "b", "c", "d")
