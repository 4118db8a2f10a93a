"""A published file is whole, has a name never used before, and is never replaced."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from curation.store.database import connect
from curation.store.publish import published, publishing, write_whole
from curation.store.schema import MAP


def publish(folder: Path, cluster: int, name: str | None = None) -> None:
    with publishing(folder, MAP, name) as connection:
        connection.execute("INSERT INTO map VALUES ('r', 't', 0, 0, $1)", [cluster])


def clusters(folder: Path) -> dict[str, int]:
    found = {}
    for path in published(folder):
        with connect(path, read_only=True) as connection:
            found[path.name] = connection.execute("SELECT cluster FROM map").fetchall()[0][0]
    return found


def test_files_are_numbered_on(tmp_path: Path) -> None:
    for cluster in (7, 8, 9):
        publish(tmp_path / "maps", cluster)
    assert clusters(tmp_path / "maps") == {"0001.duckdb": 7, "0002.duckdb": 8, "0003.duckdb": 9}
    assert sorted(os.listdir(tmp_path / "maps")) == ["0001.duckdb", "0002.duckdb", "0003.duckdb"]


def test_a_number_once_used_is_not_used_for_a_lower_gap(tmp_path: Path) -> None:
    for cluster in (1, 2, 3):
        publish(tmp_path, cluster)
    (tmp_path / "0001.duckdb").unlink()
    publish(tmp_path, 4)
    assert list(clusters(tmp_path)) == ["0002.duckdb", "0003.duckdb", "0004.duckdb"]


def test_nothing_is_seen_before_the_block_ends_well(tmp_path: Path) -> None:
    with publishing(tmp_path, MAP) as connection:
        connection.execute("INSERT INTO map VALUES ('r', 't', 0, 0, 1)")
        assert published(tmp_path) == []
    assert len(published(tmp_path)) == 1


def test_a_failed_block_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with publishing(tmp_path, MAP) as connection:
            connection.execute("INSERT INTO map VALUES ('r', 't', 0, 0, 1)")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_taken_is_never_replaced(tmp_path: Path) -> None:
    publish(tmp_path, 1, "run")
    with pytest.raises(FileExistsError):
        publish(tmp_path, 2, "run")
    assert clusters(tmp_path) == {"run.duckdb": 1}
    assert os.listdir(tmp_path) == ["run.duckdb"]


def test_processes_that_publish_at_the_same_time_all_get_a_name(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from curation.store.publish import publishing\n"
        "from curation.store.schema import MAP\n"
        "for n in range(5):\n"
        "    with publishing(Path(sys.argv[1]), MAP) as connection:\n"
        "        sql = \"INSERT INTO map VALUES ('r', 't', 0, 0, $1)\"\n"
        "        connection.execute(sql, [int(sys.argv[2]) + n])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(first)]) for first in (0, 5, 10)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    found = clusters(tmp_path)
    assert list(found) == [f"{n:04d}.duckdb" for n in range(1, 16)]
    assert sorted(found.values()) == list(range(15))


def test_threads_that_publish_at_the_same_time_all_get_a_name(tmp_path: Path) -> None:
    threads = [threading.Thread(target=publish, args=(tmp_path, n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(clusters(tmp_path).values()) == list(range(6))


def test_write_whole_replaces_at_once_and_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.toml"]
