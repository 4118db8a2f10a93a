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
