"""Parquet files and saved datasets: the same rows, numbered on across row groups and batches."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from curation.errors import SourceError
from curation.traces.rows import Row, Unreadable
from curation.traces.tables import read_dataset, read_parquet

ROWS: list[dict[str, Any]] = [
    {"prompt": f"q{n}", "messages": [{"role": "user", "content": f"q{n}"}]} for n in range(300)
]


def test_parquet_rows_are_numbered_from_one_across_row_groups(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet", row_group_size=130)
    assert list(read_parquet(tmp_path / "a.parquet")) == [Row(n, row) for n, row in enumerate(ROWS, 1)]


def test_text_that_is_no_utf8_makes_its_row_alone_unreadable(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"ba\xffd", b"fine"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"prompt": text, "n": [1, 2, 3]}), tmp_path / "a.parquet")
    first, bad, last = read_parquet(tmp_path / "a.parquet")
    assert first == Row(1, {"prompt": "good", "n": 1})
    assert last == Row(3, {"prompt": "fine", "n": 3})
    assert isinstance(bad, Unreadable)
    assert (bad.number, bad.raw) == (2, '{"prompt": "ba\\\\xffd", "n": 2}')
    assert "utf-8" in bad.reason


def test_a_broken_row_group_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"prompt": [f"{n:03d}" * 50 for n in range(200)]})
    pq.write_table(table, path, row_group_size=100, use_dictionary=False, compression="gzip")
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start + 10 : start + 300] = b"\xff" * 290
    path.write_bytes(content)
    bad, *rest = read_parquet(path)
    assert isinstance(bad, Unreadable)
    assert bad.reason.startswith("Rows 1 to 100 cannot be read: ")
    assert [row.number for row in rest] == list(range(101, 201))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.parquet cannot be read as Parquet"):
        list(read_parquet(tmp_path / "a.parquet"))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["b"]], names=["prompt", "prompt"]), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="two columns of one name"):
        list(read_parquet(tmp_path / "a.parquet"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets")
    dataset = Dataset.from_list(ROWS)
    dataset.save_to_disk(folder / "one")
    DatasetDict(train=dataset, test=dataset.select(range(3))).save_to_disk(folder / "splits")
    DatasetDict(train=dataset).save_to_disk(folder / "single")
    return folder


def test_saved_dataset(saved: Path) -> None:
    assert list(read_dataset(str(saved / "one"), None)) == [Row(n, row) for n, row in enumerate(ROWS, 1)]


def test_saved_splits(saved: Path) -> None:
    assert len(list(read_dataset(str(saved / "splits"), "test"))) == 3
    assert len(list(read_dataset(str(saved / "single"), None))) == 300


@pytest.mark.parametrize(
    ("name", "split", "reason"),
    [
        ("splits", None, "has the splits train, test; choose one with --split"),
        ("splits", "dev", "has no split 'dev', only train, test"),
        ("one", "train", "has no splits; leave --split out"),
        (".", None, "holds no dataset written by save_to_disk"),
    ],
)
def test_a_split_or_dataset_that_is_not_there(saved: Path, name: str, split: str | None, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        list(read_dataset(str(saved / name), split))
