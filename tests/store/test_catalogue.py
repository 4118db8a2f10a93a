"""The catalogue: everything published under plain views, read-only, and SQL that cannot leave it."""

import threading
from pathlib import Path

import pytest

from curation.errors import ProjectError
from curation.store.catalogue import open_catalogue
from curation.store.database import Connection, connect
from curation.store.decisions import decide
from curation.store.project import Project
from curation.store.publish import publishing
from curation.store.schema import BATCH, DECISIONS, MAP, NEAR_DUPLICATES, QUERIES, RUN
from curation.store.sql import bundle, run_sql

VIEWS = [*BATCH, *QUERIES, *RUN, *MAP, *NEAR_DUPLICATES, *DECISIONS, "verdicts", "step_vetoes"]


def add_trace(connection: Connection, trace_id: str) -> None:
    connection.execute("INSERT INTO traces VALUES ($1, 'p', 'r', '', '', '{}', 's', 1)", [trace_id])


def add_batch(project: Project, *trace_ids: str) -> None:
    with publishing(project.root / "batches", BATCH) as connection:
        for trace_id in trace_ids:
            add_trace(connection, trace_id)


def add_run(project: Project, run_id: str, value: float) -> None:
    with publishing(project.root / "runs", RUN, run_id) as connection:
        connection.execute("INSERT INTO scores VALUES ('t1', 'nll', $1, NULL)", [value])


def test_every_view_is_there_in_an_empty_project(project: Project) -> None:
    catalogue = open_catalogue(project)
    for name in VIEWS:
        assert catalogue.rows(f'SELECT * FROM "{name}"') == []
    assert catalogue.table("SELECT * FROM scores").column_names[:2] == ["run_id", "trace_id"]
    assert catalogue.problems == []


def test_views_join_all_files_and_tell_runs_apart(project: Project) -> None:
    add_batch(project, "t1", "t2")
    add_batch(project, "t3")
    add_run(project, "first's", 1.5)
    add_run(project, "second", 2.5)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT trace_id FROM traces ORDER BY 1") == [("t1",), ("t2",), ("t3",)]
    scores = catalogue.rows("SELECT run_id, value FROM scores ORDER BY value")
    assert scores == [("first's", 1.5), ("second", 2.5)]
    assert catalogue.files == project.files


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "other"])
def test_a_damaged_file_becomes_a_problem_and_the_rest_works(project: Project, damage: str) -> None:
    add_batch(project, "t1")
    add_batch(project, "t2")
    path = project.batches[0]
    if damage == "other":
        path.unlink()
        with connect(path) as connection:
            connection.execute("CREATE TABLE something (a INTEGER)")
    else:
        whole = path.read_bytes()
        path.write_bytes({"garbage": b"garbage" * 5_000, "empty": b"", "cut": whole[:5_000]}[damage])
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT trace_id FROM traces") == [("t2",)]
    (problem,) = catalogue.problems
    assert problem.startswith("batches/0001.duckdb cannot be read")


def test_a_file_of_another_shape_becomes_a_problem_and_order_of_columns_does_not_matter(
    project: Project,
) -> None:
    add_batch(project, "t1")
    reordered = {"map": "cluster INTEGER, y DOUBLE, x DOUBLE, trace_id VARCHAR, run_id VARCHAR"}
    with publishing(project.root / "maps", reordered) as connection:
        connection.execute("INSERT INTO map VALUES (3, 2.0, 1.0, 't1', 'r')")
    with publishing(project.root / "queries", {"queries": "query_id VARCHAR"}):
        pass
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT run_id, trace_id, x, y, cluster FROM map") == [("r", "t1", 1.0, 2.0, 3)]
    assert catalogue.rows("SELECT * FROM queries") == []
    assert [problem.split(" ")[0] for problem in catalogue.problems] == ["queries/0001.duckdb"]


def test_a_run_of_before_there_were_tokens_opens_beside_a_newer_one(project: Project, tmp_path: Path) -> None:
    older = {name: columns for name, columns in RUN.items() if name != "tokens"}
    with publishing(project.root / "runs", older, "older") as connection:
        connection.execute("INSERT INTO scores VALUES ('t1', 'nll', 1.5, NULL)")
    alone = open_catalogue(project)
    assert (alone.problems, alone.rows("SELECT * FROM tokens")) == ([], [])
    assert alone.table("SELECT * FROM tokens").column_names[:2] == ["run_id", "trace_id"]
    with publishing(project.root / "runs", RUN, "newer") as connection:
        connection.execute("INSERT INTO tokens VALUES ('t1', 'influence/gold', [0, 3], [0.5, -1.0])")
    with publishing(project.root / "runs", {**older, "tokens": "trace_id VARCHAR"}, "other"):
        pass
    both = open_catalogue(project)
    assert [problem.split(" ")[0] for problem in both.problems] == ["runs/other.duckdb"]
    assert both.rows("SELECT run_id, starts FROM tokens") == [("newer", [0, 3])]
    assert both.rows("SELECT run_id, value FROM scores") == [("older", 1.5)]
    bundle(both, tmp_path / "bundle.duckdb")


def test_several_threads_read_at_once(project: Project) -> None:
    add_batch(project, *(f"t{n}" for n in range(200)))
    catalogue = open_catalogue(project)
    found: list[int] = []

    def read() -> None:
        for _ in range(20):
            found.append(len(catalogue.rows("SELECT * FROM traces ORDER BY trace_id")))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 80


def test_a_catalogue_keeps_what_it_saw_while_more_is_published(project: Project) -> None:
    add_batch(project, "t1")
    catalogue = open_catalogue(project)
    add_batch(project, "t2")
    assert catalogue.rows("SELECT trace_id FROM traces") == [("t1",)]
    assert open_catalogue(project).rows("SELECT count(*) FROM traces") == [(2,)]


@pytest.mark.parametrize(
    "sql", ["SELECT count(*) AS n FROM traces", "WITH t AS (FROM traces) SELECT count(*) FROM t;"]
)
def test_a_select_of_the_user_runs(project: Project, sql: str) -> None:
    add_batch(project, "t1", "t2")
    assert run_sql(open_catalogue(project), sql).to_pylist()[0].popitem()[1] == 2


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE decisions",
        "DELETE FROM decisions",
        "INSERT INTO batch_0.traces VALUES ('x', '', '', '', '', '', '', 1)",
        "UPDATE batch_0.traces SET prompt = ''",
        "COPY traces TO '{folder}/out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/out.duckdb'",
        "SELECT * FROM read_text('{folder}/secret.txt')",
        "SELECT * FROM read_csv('{folder}/secret.txt')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM glob('{folder}/*')",
        "SET enable_external_access = true",
        "PRAGMA threads = 1",
        "INSTALL fts",
        "LOAD fts",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE decisions",
        "SELEC 1",
        "",
        "SELECT * FROM no_such_view",
    ],
)
def test_sql_of_the_user_cannot_change_or_leave_the_project(
    project: Project, tmp_path: Path, sql: str
) -> None:
    add_batch(project, "t1")
    decide(project, ["t1"], "veto")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.csv").write_text("a,b\nsecret,2\n")
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    with pytest.raises(ProjectError) as raised:
        run_sql(open_catalogue(project), sql.format(folder=tmp_path))
    assert "\n" not in str(raised.value)
    assert "secret," not in str(raised.value)
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "secret.csv", "secret.txt"]


def test_a_bundle_is_the_whole_project_in_one_file(project: Project, tmp_path: Path) -> None:
    add_batch(project, "t1")
    add_run(project, "run", 1.5)
    decide(project, ["t1"], "veto")
    path = tmp_path / "it's all.duckdb"
    bundle(open_catalogue(project), path)
    with connect(path, read_only=True) as plain:
        assert {
            name for (name,) in plain.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        } == set(VIEWS)
        joined = "SELECT trace_id, verdict, value FROM traces NATURAL JOIN verdicts NATURAL JOIN scores"
        assert plain.execute(joined).fetchall() == [("t1", "veto", 1.5)]
    with pytest.raises(ProjectError, match="already there"):
        bundle(open_catalogue(project), path)
