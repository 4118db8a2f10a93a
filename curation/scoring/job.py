"""A scoring job's folder: `runs/<run_id>.part/`, with its request, its progress and the shards that are done."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import ScoringError
from curation.store.project import Project
from curation.store.publish import flush, write_whole


@dataclass(frozen=True)
class Room:
    """What a job has to work in.

    Attributes:
        threads: Of torch.
        token_budget: Tokens a batch.
        layer_bytes: What factors and query gradients of one group of layers may take.
    """

    threads: int
    token_budget: int
    layer_bytes: int


@dataclass(frozen=True)
class Job:
    """An unfinished run.

    Attributes:
        run_id: Time of its start and the beginning of its key; never used before.
        folder: Where its shards are.
        room: What its first try had: a later one takes as much, since sums depend on it to the last bit.
    """

    run_id: str
    folder: Path
    room: "Room"

    def has(self, shard: str) -> bool:
        """Whether a shard is there, complete."""
        return (self.folder / shard).is_dir()

    def write(self, shard: str, tables: Mapping[str, pa.Table]) -> None:
        """Write one shard, a folder with a Parquet file for each table; it appears whole or not at all."""
        part = self.folder / f".{shard}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name, table in tables.items():
            pq.write_table(table, part / f"{name}.parquet", compression="zstd")
            flush(part / f"{name}.parquet")
        part.rename(self.folder / shard)
        flush(self.folder)

    def shards(self, table: str) -> list[Path]:
        """The Parquet files of one table, in order."""
        return sorted(self.folder.glob(f"[!.]*/{table}.parquet"))


@contextmanager
def open_job(project: Project, key: str, room: Room) -> Iterator[Job]:
    """Find the unfinished job with this key, or begin one in this room; hold it against a second process.

    Raises:
        ScoringError: Another process works on it right now.
    """
    runs = project.root / "runs"
    runs.mkdir(exist_ok=True)
    found = [path for path in sorted(runs.glob("*.part/job.json")) if _settings(path).get("key") == key]
    if found:
        folder = found[0].parent
    else:
        folder = runs / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{key[:6]}.part"
        folder.mkdir()
        write_whole(folder / "job.json", json.dumps({"key": key, "room": asdict(room)}).encode())
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ScoringError(
                f"Run {folder.stem} is being computed by another process; wait for it."
            ) from error
        yield Job(folder.stem, folder, Room(**_settings(folder / "job.json").get("room", asdict(room))))


def discard_job(project: Project, run_id: str) -> None:
    """Remove what a job leaves once its run is published."""
    shutil.rmtree(project.root / "runs" / f"{run_id}.part", ignore_errors=True)


def _settings(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError, OSError):
        return {}
