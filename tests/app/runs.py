"""A second run for tests: the first one with influence turned round."""

import shutil

import duckdb

from curation.store.project import Project

TURNED = "20260203-040506-turned"


def add_turned_run(project: Project) -> str:
    """Publish the second run; give its id."""
    (first,) = project.runs
    second = first.with_name(f"{TURNED}.duckdb")
    shutil.copy(first, second)
    with duckdb.connect(str(second)) as connection:
        connection.execute("UPDATE scores SET value = -value WHERE name LIKE 'influence/%'")
        connection.execute("UPDATE run SET run_id = ?, model = 'models/turned'", [TURNED])
    return TURNED


def map_turned_run(project: Project, without: int = 0) -> None:
    """Publish a map of the second run: the first one's, mirrored, in one cluster; it lacks some traces."""
    (first,) = project.maps
    second = first.with_name("0002.duckdb")
    shutil.copy(first, second)
    with duckdb.connect(str(second)) as connection:
        connection.execute("UPDATE map SET run_id = ?, x = -x, cluster = 0", [TURNED])
        sql = "DELETE FROM map WHERE trace_id IN (SELECT trace_id FROM map ORDER BY trace_id LIMIT ?)"
        connection.execute(sql, [without])
