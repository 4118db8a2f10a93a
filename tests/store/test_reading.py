"""One trace in full, and the numbers of the whole project."""

from pathlib import Path

import numpy as np
import pytest

from curation.store import columns, overview, reading
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.decisions import decide, undo
from curation.store.frame import frame_of
from curation.store.points import points
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import MAP
from curation.store.view import in_order
from curation.traces.trace import Trace
from tests.app.project import HOSTILE, RUN_ID, build_project, texts


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return build_project(tmp_path_factory.mktemp("reading") / "project")


def test_a_trace_is_read_as_it_was_written(project: Project) -> None:
    catalogue = open_catalogue(project)
    for trace in texts(60):
        found = reading.read(catalogue, trace.trace_id)
        assert found is not None
        assert (found.prompt, found.response, found.answer) == (trace.prompt, trace.response, trace.answer)
        assert (found.source, found.source_row, found.parts) == (trace.source, trace.source_row, 1)
    assert reading.read(catalogue, "no-such-trace") is None


def test_a_long_response_is_read_in_parts_that_add_up(tmp_path: Path) -> None:
    long = Trace("Long?", "".join(f"{n}. é𝄞\n" for n in range(30_000)))
    catalogue = open_catalogue(build_project(tmp_path / "project", traces=[long, *texts(10)]))
    first = reading.read(catalogue, long.trace_id)
    assert first is not None
    assert first.length == len(long.response)
    parts = [reading.read(catalogue, long.trace_id, part) for part in range(first.parts)]
    assert "".join(part.response for part in parts if part) == long.response
    assert [part.start for part in parts if part] == [n * reading.PART for n in range(first.parts)]


def test_steps_cover_the_response_and_add_up_to_the_score(project: Project) -> None:
    catalogue = open_catalogue(project)
    trace = texts(60)[3]
    steps = reading.steps(catalogue, RUN_ID, trace.trace_id)
    standings = reading.standings(catalogue, RUN_ID, trace.trace_id)
    for name, values in steps.items():
        assert "".join(trace.response[step.start : step.stop] for step in values) == trace.response
        assert sum(step.value or 0.0 for step in values) == pytest.approx(standings[name].value)
    assert len(steps) == 3


def test_tokens_cover_the_response_and_add_up_to_the_steps(project: Project) -> None:
    catalogue = open_catalogue(project)
    trace = texts(60)[3]
    steps = reading.steps(catalogue, RUN_ID, trace.trace_id)
    tokens = reading.tokens(catalogue, RUN_ID, trace.trace_id, len(trace.response))
    assert tokens.keys() == steps.keys()
    for name, values in tokens.items():
        assert "".join(trace.response[one.start : one.stop] for one in values) == trace.response
        for step in steps[name]:
            inside = [one.value or 0.0 for one in values if step.start <= one.start < step.stop]
            assert sum(inside) == pytest.approx(step.value, abs=1e-5)
    assert reading.tokens(catalogue, RUN_ID, texts(60)[2].trace_id, 9) == {}


def test_history_tells_who_decided_what_and_why(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project", count=20)
    catalogue = open_catalogue(project)
    trace_id = texts(20)[0].trace_id
    decide(project, [trace_id], "veto", reason="wrong", note="see step 2", actor="ann")
    undo(project, actor="ann")
    catalogue.refresh()
    undone, vetoed = reading.history(catalogue, trace_id)
    assert (vetoed.verdict, vetoed.reason, vetoed.note, vetoed.actor) == (
        "veto",
        "wrong",
        "see step 2",
        "ann",
    )
    assert (undone.verdict, undone.by, vetoed.by) == ("undecided", "undo", "")


def test_counts_and_runs(project: Project) -> None:
    catalogue = open_catalogue(project)
    counts = overview.counts(catalogue)
    assert (counts.traces, counts.rejected, counts.duplicates, counts.kept, counts.vetoed) == (60, 1, 1, 0, 0)
    (run,) = overview.runs(catalogue)
    assert (run.run_id, run.coverage["share"], run.stability["gold"], run.unscored) == (RUN_ID, 0.8, 0.93, 1)
    assert run.timings == {"factors": 30.2, "pass": 61.8}
    assert overview.rejected(catalogue, 10) == [("sums.jsonl", 17, "The line is no JSON", HOSTILE[0])]
    assert overview.rejected_reasons(catalogue) == [("The line is no JSON", 1)]
    assert overview.query_groups(catalogue) == [("correct", 5), ("gold", 5), ("incorrect", 5)]


def column_of(catalogue: Catalogue, name: str) -> columns.Column:
    values = columns.score_by_trace(catalogue, RUN_ID, name)
    return columns.sorted_column(name, values[in_order(values, descending=True)])


def test_a_column_ranks_from_the_highest_and_its_histogram_loses_nobody(project: Project) -> None:
    catalogue = open_catalogue(project)
    column = column_of(catalogue, "influence/gold")
    by_hand = sorted(v for (v,) in catalogue.rows("SELECT value FROM scores WHERE name = 'influence/gold'"))
    assert column.values.tolist() == by_hand
    assert [column.rank(value) for value in (by_hand[-1], by_hand[0])] == [1, 60]
    counts, edges = column.histogram(20)
    assert (counts.sum(), len(edges)) == (60, 21)
    assert column.span(0.0, None) == sum(value >= 0 for value in by_hand)
    assert column_of(catalogue, "rsr").count == 59
    assert column_of(catalogue, "none").histogram(5)[0].sum() == 0
    assert columns.score_names(catalogue, RUN_ID)[:4] == [
        "influence/gold",
        "influence/correct",
        "influence/incorrect",
        "perplexity",
    ]


def test_equal_values_share_a_rank() -> None:
    column = columns.Column("steps", np.array([1.0, 2.0, 2.0, 3.0]))
    assert [column.rank(value) for value in (3.0, 2.0, 1.0)] == [1, 2, 4]


def test_points_and_scores_are_aligned_with_the_frame(project: Project) -> None:
    catalogue = open_catalogue(project)
    places, frame = points(catalogue, RUN_ID), frame_of(catalogue)
    assert places is not None
    for name, values in (("x", places.x), ("y", places.y), ("cluster", places.clusters)):
        known = dict(catalogue.rows(f"SELECT trace_id, {name} FROM map"))
        assert values.tolist() == [known[trace_id] for trace_id in frame.names]
    assert places.on_map.all()
    assert points(catalogue, "no-such-run") is None
    known = dict(catalogue.rows("SELECT trace_id, value FROM scores WHERE name = 'rsr'"))
    expected = np.array([known.get(trace_id, np.nan) for trace_id in frame.names], dtype=float)
    assert np.array_equal(columns.score_by_trace(catalogue, RUN_ID, "rsr"), expected, equal_nan=True)
    assert np.isnan(expected).sum() == 1


def test_a_standard_error_is_compared_with_the_spread_over_traces(project: Project) -> None:
    catalogue = open_catalogue(project)
    sql = "SELECT value, standard_error FROM scores WHERE name = 'influence/gold' AND standard_error IS NOT NULL"
    values, errors = np.array(catalogue.rows(sql)).T
    expected = np.sqrt(np.mean(errors**2)) / np.std(values, ddof=1)
    assert columns.relative_error(catalogue, RUN_ID, "influence/gold") == pytest.approx(expected)
    assert np.isnan(columns.relative_error(catalogue, RUN_ID, "rsr"))


def test_a_place_on_a_newer_map_counts(tmp_path: Path) -> None:
    project = build_project(tmp_path / "project")
    second = sorted(trace.trace_id for trace in texts(60))[1]
    with publishing(project.root / "maps", MAP) as connection:
        connection.execute("INSERT INTO map VALUES (?, ?, 7.5, -2, 3)", [RUN_ID, second])
    before, after = (
        points(open_catalogue(one), RUN_ID) for one in (build_project(tmp_path / "other"), project)
    )
    assert before is not None
    assert after is not None
    assert (after.x[0], after.x[1], after.y[1], after.clusters[1]) == (before.x[0], 7.5, -2, 3)


def test_the_newest_run_with_influence_is_opened(tmp_path: Path) -> None:
    def made(run_id: str, *scores: str) -> overview.Run:
        return overview.Run(
            run_id, "m", "", "float32", "cpu", "", None, None, 0, 0, {"scores": list(scores)}, {}, {}, {}
        )

    later, earlier = made("c", "metagradient"), made("a", "influence")
    assert overview.main_run([later, made("b", "influence", "rds"), earlier]).run_id == "b"  # type: ignore[union-attr]
    assert overview.main_run([later]) == later
    assert overview.main_run([]) is None
