"""Parquet files and Hugging Face datasets: Arrow tables, a few rows at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import SourceError
from curation.traces.rows import Row, Unreadable, as_json

ROWS_AT_ONCE = 128
_HUB_TIMEOUT_SECONDS = 10


def read_parquet(path: Path) -> Iterator[Row | Unreadable]:
    """Read a Parquet file; a row group that is broken becomes one unreadable row, the others are read.

    Raises:
        SourceError: It is no Parquet file, or has two columns of one name.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as Parquet: {_line(error)}.") from error
    with file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise SourceError(f"{path} has two columns of one name; rename one of them.")
        first = 1
        for group in range(file.num_row_groups):
            number, end = first, first + file.metadata.row_group(group).num_rows
            first = end
            try:
                for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group]):
                    yield from _rows(batch, number)
                    number += batch.num_rows
            except (OSError, pa.ArrowException) as error:
                reason = f"Rows {number} to {end - 1} cannot be read: {_line(error)}."
                yield Unreadable(number, reason, "")


def read_dataset(source: str, split: str | None) -> Iterator[Row | Unreadable]:
    """Read a dataset saved to disk, or one of the hub by its id (`owner/name` or `owner/name:config`).

    A hub dataset streams; offline (HF_HUB_OFFLINE) it comes whole from the local cache.

    Raises:
        SourceError: It cannot be loaded, or has several splits and none is named.
    """
    saved = Path(source).is_dir()
    loaded = _saved(source) if saved else _from_hub(source)
    dataset = _split(loaded, split, source)
    number = 1
    try:
        for table in dataset.with_format("arrow").iter(ROWS_AT_ONCE):
            yield from _rows(table, number)
            number += table.num_rows
    except Exception as error:  # the hub's loaders raise whatever their file format raises
        raise SourceError(f"{source} breaks off at row {number}: {_line(error)}; try again.") from error


def _saved(folder: str) -> Any:
    from datasets import load_from_disk  # takes a second: only where a dataset is read

    try:
        return load_from_disk(folder)
    except Exception as error:
        raise SourceError(
            f"{folder} holds no dataset written by save_to_disk; name a .jsonl or .parquet file in it."
        ) from error


def _from_hub(source: str) -> Any:
    from datasets import config, load_dataset
    from huggingface_hub import HfApi

    name, _, configuration = source.partition(":")
    try:
        if not config.HF_HUB_OFFLINE:
            HfApi().dataset_info(name, timeout=_HUB_TIMEOUT_SECONDS)  # one try, where load_dataset makes many
        return load_dataset(name, configuration or None, streaming=not config.HF_HUB_OFFLINE)
    except Exception as error:
        raise SourceError(
            f"There is no file or folder {source}, and the hub gave no dataset of that name "
            f"({_line(error)}); check the name and the network."
        ) from error


def _split(loaded: Any, split: str | None, source: str) -> Any:
    """The dataset itself, or the split that is named or the only one."""
    if not isinstance(loaded, Mapping):
        if split is not None:
            raise SourceError(f"{source} has no splits; leave --split out.")
        return loaded
    names = ", ".join(str(name) for name in loaded)
    if split is None and len(loaded) == 1:
        return next(iter(loaded.values()))
    if split is None:
        raise SourceError(f"{source} has the splits {names}; choose one with --split.")
    if split not in loaded:
        raise SourceError(f"{source} has no split {split!r}, only {names}.")
    return loaded[split]


def _rows(table: Any, first: int) -> Iterator[Row | Unreadable]:
    """The rows of an Arrow table or batch, numbered on from `first`."""
    try:
        values = table.to_pylist()
    except ValueError:  # text that is no UTF-8, a date out of range: find the row
        for index in range(table.num_rows):
            yield _row(table.slice(index, 1), first + index)
        return
    for index, row in enumerate(values):
        yield Row(first + index, row)


def _row(table: Any, number: int) -> Row | Unreadable:
    try:
        return Row(number, table.to_pylist()[0])
    except ValueError as error:
        names = table.schema.names
        raw = {name: _lenient(table.column(index)) for index, name in enumerate(names)}
        return Unreadable(number, f"A value cannot be read: {_line(error)}.", as_json(raw))


def _lenient(column: Any) -> Any:
    try:
        return column.to_pylist()[0]
    except ValueError:
        try:
            return column.cast(pa.binary()).to_pylist()[0]
        except pa.ArrowException:
            return None


def _line(error: Exception) -> str:
    """The first line of an error's text, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
