"""Sources of rows: JSON Lines, Parquet, saved datasets and the hub, told apart by their names."""

import re
from collections.abc import Iterator
from pathlib import Path

from curation.errors import SourceError
from curation.traces.jsonl import read_json_lines
from curation.traces.rows import Row, Unreadable, storable
from curation.traces.tables import read_dataset, read_parquet

_JSON_ENDINGS = (".jsonl", ".json", ".ndjson", ".jsonl.gz")
_PARQUET_ENDINGS = (".parquet", ".pq")
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")


def read_rows(source: str, split: str | None = None) -> Iterator[Row | Unreadable]:
    """Read a source row by row in bounded memory; a row that cannot be read comes with its reason instead.

    Args:
        source: A .jsonl, .jsonl.gz, .json or .parquet file, a folder written by `save_to_disk`, or a hub id.
        split: Of a dataset with splits, which one.

    Raises:
        SourceError: The source is missing, of an unknown kind, or cannot be read at all.
    """
    path = Path(source).expanduser()
    name = path.name.lower()
    if _is_file(path):
        if split is not None:
            raise SourceError(f"{source} is a file and has no splits; leave --split out.")
        if name.endswith(_JSON_ENDINGS):
            return read_json_lines(path)
        if name.endswith(_PARQUET_ENDINGS):
            return read_parquet(path)
        raise SourceError(f"{source} is of an unknown kind; use a .jsonl, .jsonl.gz, .json or .parquet file.")
    if _is_folder(path):
        return read_dataset(str(path), split)
    if _looks_like_path(source):
        raise SourceError(f"There is no file or folder {storable(source)}; check the path.")
    return read_dataset(source, split)


def source_name(source: str, split: str | None = None) -> str:
    """The name that rows of a source are filed under.

    A file or folder goes by its last two parts, so the same rows are known again from any working folder
    and a file says nothing about the machine that it was read on; a hub dataset goes by its id.
    """
    path = Path(source).expanduser()
    local = _is_file(path) or _is_folder(path)
    name = "/".join(path.resolve().parts[-2:]).lstrip("/") if local else source
    return storable(f"{name}[{split}]" if split else name)


def _looks_like_path(source: str) -> bool:
    """Whether a source that is not there was meant as a path rather than as a hub id."""
    endings = (*_JSON_ENDINGS, *_PARQUET_ENDINGS, ".csv", ".txt", ".gz", ".arrow")
    if not _HUB_ID.fullmatch(source) or source.lower().endswith(endings):
        return True
    return "/" in source and _is_folder(Path(source.split("/")[0]))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
