"""Step recipes on steps written by hand: what goes first, how much, and what people decided."""

from pathlib import Path

import pyarrow as pa
import pytest

from curation.errors import SelectionError
from curation.selection.masks import masked_spans
from curation.selection.step_recipes import StepChoice, StepRecipe, choose_steps
from curation.store.catalogue import open_catalogue
from curation.store.database import Connection, connect, load
from curation.store.decisions import decide, undo, veto_steps
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import RUN
from curation.traces.trace import Trace
from tests.projects import add_batch

# Three steps of ten characters in each of three traces, and one trace without any.
IDS = ["a", "b", "c", "unsplit"]
STEPS = [(0, 10), (10, 20), (20, 30)]
VALUES = {
    "influence/gold": {"a": [1, -3, 2], "b": [-1, -2, None], "c": [5, 6, 7]},
    "influence/correct": {"a": [-9, 0, 0]},
    "grace": {"a": [0.5, None, 0.1], "b": [0.2, 0.3, 0.1]},
    "segment-strength": {"a": [0.1, 0.6, None], "b": [0.3, 0.9, None], "c": [None, None, None]},
    "segment-consistency": {"a": [0.5, 0.5, None], "b": [0.1, 0.9, None], "c": [None, None, None]},
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = create_project(tmp_path / "p")
    add_batch(project, [Trace(name, "0123456 8\n" * 3) for name in IDS], IDS)
    rows = [
        {"trace_id": trace_id, "step": s, "start": start, "stop": stop, "name": name, "value": values[s]}
        for name, of_traces in VALUES.items()
        for trace_id, values in of_traces.items()
        for s, (start, stop) in enumerate(STEPS)
    ]
    with publishing(project.root / "runs", RUN, "run-1") as connection:
        connection.execute("INSERT INTO run (run_id, model) VALUES ('run-1', 'tiny')")
        load(connection, "steps", pa.Table.from_pylist(rows))
        counts_tokens(connection, IDS)
    return project


def counts_tokens(connection: Connection, ids: list[str], tokens: float = 12.0) -> None:
    """Say that the run counted so many completion tokens in each trace."""
    load(
        connection,
        "scores",
        pa.table({"trace_id": ids, "name": ["tokens"] * len(ids), "value": [tokens] * len(ids)}),
    )


def chosen(project: Project, recipe: StepRecipe, ids: list[str] = IDS) -> StepChoice:
    catalogue = open_catalogue(project)
    try:
        return choose_steps(catalogue, recipe, ids)
    finally:
        catalogue.close()


def test_the_lowest_go_first_up_to_the_share(project: Project) -> None:
    found = chosen(project, StepRecipe("influence", 0.25))
    assert found.steps == [("a", 10, 20), ("b", 10, 20), ("b", 0, 10)]
    assert (found.score, found.run_id, found.traces, found.considered) == ("influence/gold", "run-1", 2, 3)
    assert (found.share, found.highest) == (pytest.approx(0.25), -1.0)
    assert chosen(project, StepRecipe("influence", 0.24)).steps == found.steps[:2]
    assert chosen(project, StepRecipe("influence", 0.01)).highest is None
    assert chosen(project, StepRecipe("influence", 0.1, "correct")).steps == [("a", 0, 10)]
    assert chosen(project, StepRecipe("influence"), ["c", "unsplit"]).steps == []
    assert len(chosen(project, StepRecipe("influence", 1.0)).steps) == 8


def test_ties_go_by_trace_and_place_and_what_has_no_value_stays(project: Project) -> None:
    assert chosen(project, StepRecipe("grace", 0.2)).steps == [("a", 20, 30), ("b", 20, 30)]
    assert ("a", 10, 20) not in chosen(project, StepRecipe("grace", 1.0)).steps


def test_segments_go_by_the_papers_rule_and_the_weak_ones_first(project: Project) -> None:
    # Of a, the second is strong and mixed: important. Of b, the second has over 70% of the strength, but pulls one way.
    assert chosen(project, StepRecipe("segments")).steps == [("a", 0, 10), ("b", 0, 10), ("b", 10, 20)]
    assert chosen(project, StepRecipe("segments", 0.1)).steps == [("a", 0, 10)]


def test_a_segment_of_several_steps_is_vetoed_step_by_step(tmp_path: Path) -> None:
    project = create_project(tmp_path / "turning")
    text = "One.\n\nTwo.\n\nWait, three.\n\nThe answer is 3."
    add_batch(project, [Trace("p", text)], ["t"])
    values = {"segment-strength": [0.1, None], "segment-consistency": [0.9, None]}
    with publishing(project.root / "runs", RUN, "run-1") as connection:
        connection.execute("INSERT INTO run (run_id, model) VALUES ('run-1', 'tiny')")
        for name, (value, _) in values.items():
            load(
                connection,
                "steps",
                pa.Table.from_pylist(
                    [{"trace_id": "t", "step": 0, "start": 0, "stop": 12, "name": name, "value": value}]
                ),
            )
        counts_tokens(connection, ["t"])
    found = chosen(project, StepRecipe("segments"), ["t"])
    assert [text[start:stop].strip() for _, start, stop in found.steps] == ["One.", "Two."]
    veto_steps(project, found.steps)
    decide(project, ["t"], "undecided", step=(0, 6))
    assert masked_spans(open_catalogue(project), 9) == {"t": [(6, 12)]}
    assert chosen(project, StepRecipe("segments"), ["t"]).steps == []


def test_a_share_is_of_completion_tokens(project: Project) -> None:
    # a has 60 of the 96 tokens, 20 a step; the others 4 a step. By characters 0.2 would be two steps.
    connection = connect(project.root / "runs" / "run-1.duckdb")
    connection.execute("UPDATE scores SET value = 60 WHERE trace_id = 'a' AND name = 'tokens'")
    connection.close()
    assert chosen(project, StepRecipe("influence", 0.2)).steps == []
    found = chosen(project, StepRecipe("influence", 0.25))
    assert (found.steps, found.tokens) == ([("a", 10, 20), ("b", 10, 20)], 24.0)
    assert found.share == pytest.approx(0.25)
    assert chosen(project, StepRecipe("influence", 0.5), ["b", "c"]).tokens == pytest.approx(12.0)


def test_a_run_that_counted_no_tokens_is_refused(project: Project) -> None:
    connection = connect(project.root / "runs" / "run-1.duckdb")
    connection.execute("DELETE FROM scores")
    connection.close()
    with pytest.raises(SelectionError, match="has not counted the tokens"):
        chosen(project, StepRecipe("influence"))


def test_first_and_last_steps_are_counted_and_traces_with_nothing_left(project: Project) -> None:
    decide(project, ["a"], "veto", step=(20, 30))
    found = chosen(project, StepRecipe("influence", 0.34))
    assert found.steps == [("a", 10, 20), ("b", 10, 20), ("b", 0, 10), ("a", 0, 10)]
    assert found.first_and_last == (2, 0)
    assert found.pool.first_and_last == (3, 2)
    # All of a but the step that was vetoed before; b keeps its last one, which has no value.
    assert found.emptied == 1


def test_what_people_decided_on_a_step_stands_and_the_same_again_vetoes_nothing(project: Project) -> None:
    decide(project, ["a"], "veto", step=(10, 20))
    decide(project, ["b"], "veto", step=(0, 10))
    decide(project, ["b"], "undecided", step=(0, 10), reason="it is fine")
    recipe = StepRecipe("influence", 0.25)
    assert chosen(project, recipe).steps == [("b", 10, 20)]
    done = veto_steps(project, chosen(project, recipe).steps)
    assert (done.traces, done.number) == (1, 4)
    assert chosen(project, recipe).steps == []
    undo(project)
    assert chosen(project, recipe).steps == [("b", 10, 20)]


def test_a_bulk_veto_is_one_decision_that_one_undo_takes_back(project: Project) -> None:
    decide(project, ["c"], "veto", step=(0, 10))
    steps = chosen(project, StepRecipe("influence", 0.25)).steps
    done = veto_steps(project, [*steps, steps[0]], reason="influence recipe", actor="ann")
    assert (done.traces, done.number) == (2, 4)
    catalogue = open_catalogue(project)
    assert masked_spans(catalogue, 99) == {"a": [(10, 20)], "b": [(0, 20)], "c": [(0, 10)]}
    assert catalogue.rows("SELECT DISTINCT reason, actor, batch FROM decisions WHERE number > 1") == [
        ("influence recipe", "ann", 2)
    ]
    assert undo(project).traces == 2
    catalogue.refresh()
    assert masked_spans(catalogue, 99) == {"c": [(0, 10)]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("nonsense",), "no recipe 'nonsense' for steps"),
        (("grace", 0.0), "above 0"),
        (("grace", 1.5), "up to 1"),
        (("grace", float("nan")), "above 0"),
        (("grace", 0.1, "gold"), "takes no group"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: tuple, words: str) -> None:
    with pytest.raises(SelectionError, match=words):
        StepRecipe(*settings)


def test_a_run_without_the_steps_is_refused_with_a_way_out(project: Project) -> None:
    for recipe in (StepRecipe("influence", None, "nix"), StepRecipe("grace", run_id="run-2")):
        with pytest.raises(SelectionError, match="--steps all"):
            chosen(project, recipe)
