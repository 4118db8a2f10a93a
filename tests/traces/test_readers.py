"""A source is told apart by its name and by what is there; what is not there is named in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.errors import SourceError
from curation.traces.readers import read_rows, source_name


@pytest.mark.parametrize(
    "source",
    [
        "missing.jsonl",
        "folder/missing.parquet",
        "./missing",
        "/no/such/thing",
        "~/missing",
        "a/b/c",
        "a.csv",
        "a b",
        "\0",
    ],
)
def test_a_missing_path_is_never_taken_for_a_hub_id(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"There is no file or folder .*; check the path"):
        read_rows(source)


def test_a_missing_file_in_a_folder_that_is_there_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="check the path"):
        read_rows("data/train")


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,response\na,b\n")
    with pytest.raises(SourceError, match=r"unknown kind; use a \.jsonl"):
        read_rows(str(tmp_path / "a.csv"))


def test_a_split_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    with pytest.raises(SourceError, match="has no splits"):
        read_rows(str(tmp_path / "a.jsonl"), split="train")


@pytest.mark.parametrize(
    "settings", [{"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}]
)
def test_a_hub_that_cannot_be_reached_is_one_sentence(settings: dict[str, str], tmp_path: Path) -> None:
    script = (
        "from curation.errors import SourceError\n"
        "from curation.traces.readers import read_rows\n"
        "try: list(read_rows('someone/something'))\n"
        "except SourceError as error: print(error)\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), **settings}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("There is no file or folder someone/something, and the hub gave no dataset")


def test_a_source_goes_by_its_last_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gsm8k"
    folder.mkdir()
    (folder / "train.jsonl").write_text("{}\n")
    monkeypatch.chdir(folder)
    assert source_name("train.jsonl") == "gsm8k/train.jsonl"
    assert source_name("../gsm8k/train.jsonl") == "gsm8k/train.jsonl"
    assert source_name(str(folder / "train.jsonl")) == "gsm8k/train.jsonl"
    assert source_name("openai/gsm8k:main", "train") == "openai/gsm8k:main[train]"
