"""What is written comes back exactly, and is there whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.errors import ExportError, SelectionError
from curation.export.contents import contents_of
from curation.export.formats import FORMATS
from curation.export.rows import preview
from curation.export.verify import verify
from curation.export.write import export
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import BATCH
from curation.traces.trace import Trace
from tests.projects import add_batch, add_run, project_of, short_traces

TEXTS = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "![beacon](https://example.com/x.png) [a](javascript:alert(1))",
    "'; DROP TABLE traces; --",
    "costs $5 and $6, \\(x\\), $$y$$ :red[z] --> >=",
    "nul \x00 bell \x07 escape \x1b[31m delete \x7f tab \t",
    "line\nfeed\r\nreturn\rseparators \u2028 \u2029 \u0085 \x0b \x0c \x1c end\n",
    "  white space at both ends \n\n",
    '{"role": "assistant"} "quoted" \\u0000 \\',
    "é 漢字 🧮 a\u0301 \ufeff \uffff \u202e",
    "",
    "x" * 10 * 2**20,
]
TRACES = [
    Trace(text, text[::-1], "", "be brief" if i % 2 else "", source=f"{text[:9]}.jsonl", source_row=i)
    for i, text in enumerate(TEXTS)
]


@pytest.fixture
def hostile(tmp_path: Path) -> Project:
    project = create_project(tmp_path / "p")
    add_batch(project, TRACES[6:])
    add_batch(project, TRACES[:6])
    save_selection(project, "all", Recipe("random", keep=1))
    return project


def read(path: Path, format: str) -> list[tuple[str, str, str]]:
    """(system, prompt, response) of each row, as a consumer of the format reads them."""
    if format == "parquet":
        return [(row["system"], row["prompt"], row["response"]) for row in pq.read_table(path).to_pylist()]
    text = path.read_bytes().decode()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == text.count("\n")
    return [one_row(row, format) for row in rows]


def one_row(row: dict[str, Any], format: str) -> tuple[str, str, str]:
    match format:
        case "messages":
            turns = {turn["role"]: turn["content"] for turn in row["messages"]}
            return turns.get("system", ""), turns["user"], turns["assistant"]
        case "sharegpt":
            turns = {turn["from"]: turn["value"] for turn in row["conversations"]}
            return turns.get("system", ""), turns["human"], turns["gpt"]
        case "alpaca":
            return row.get("system", ""), row["instruction"] + row["input"], row["output"]
        case "segments":
            *before, prompt = [one["text"][:-1] for one in row["segments"] if not one["label"]]
            return "".join(before), prompt, "".join(one["text"] for one in row["segments"] if one["label"])
        case _:
            return row.get("system", ""), row["prompt"], row["completion"]


@pytest.mark.parametrize("format", FORMATS)
def test_hostile_text_comes_back_in_the_order_of_ingest(
    hostile: Project, format: str, tmp_path: Path
) -> None:
    path = tmp_path / "new folder" / f"all.{format}"
    manifest = export(hostile, "all", format, path)
    assert read(path, format) == [(t.system, t.prompt, t.response) for t in [*TRACES[6:], *TRACES[:6]]]
    assert (manifest.rows, manifest.bytes) == (len(TRACES), path.stat().st_size)
    card = path.with_name(path.name + ".card.md").read_text()
    assert not [text for text in TEXTS if len(text) > 2 and text.strip() in card]
    assert sorted(each.name for each in path.parent.iterdir()) == [
        path.name + end for end in ("", ".card.md", ".manifest.json")
    ]
    assert verify(path).ok


def test_parquet_keeps_every_column(hostile: Project, tmp_path: Path) -> None:
    export(hostile, "all", "parquet", tmp_path / "all.parquet")
    row = pq.read_table(tmp_path / "all.parquet").to_pylist()[-1]
    trace = TRACES[5]
    assert row == {
        "trace_id": trace.trace_id,
        "prompt": trace.prompt,
        "response": trace.response,
        "answer": "",
        "system": "be brief",
        "metadata": "{}",
        "source": trace.source,
        "source_row": 5,
    }


@pytest.fixture
def scored(tmp_path: Path) -> Project:
    project = project_of(tmp_path / "p", ["a", "b", "c", "d"])
    add_run(project, "r1", {"influence/gold": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}})
    save_selection(project, "half", Recipe("influence"))
    return project


def test_only_what_is_selected_and_the_manifest_says_how(scored: Project, tmp_path: Path) -> None:
    decide(scored, ["a"], "veto", reason="wrong step")
    decide(scored, ["d"], "keep")
    path = tmp_path / "out" / "half.jsonl"
    manifest = export(scored, "half", "prompt-completion", path)
    assert [prompt for _, prompt, _ in read(path, "prompt-completion")] == [
        "What is 1 + 1?",
        "What is 3 + 3?",
    ]
    saved = json.loads((tmp_path / "out" / "half.jsonl.manifest.json").read_text())
    assert saved["recipe"] == {
        "recipe": "influence",
        "run_id": "r1",
        "keep": 0.5,
        "group": "gold",
        "seed": 0,
        "fewest_queries": 4,
    }
    assert saved["counts"]["vetoed_by_hand"] == saved["counts"]["kept_by_hand"] == 1
    assert set(saved["inputs"]) == {"batches/0001.duckdb", "runs/r1.duckdb", "selections/half.toml"}
    assert (saved["decision_number"], saved["project"], list(saved)) == (2, "../p", sorted(saved))
    assert manifest.selection == "half"
    card = (tmp_path / "out" / "half.jsonl.card.md").read_text()
    for said in (
        "license: unknown",
        "| vetoed by hand | 1 |",
        '    group = "gold"',
        "up to number 2",
        manifest.sha256,
    ):
        assert said in card


def test_the_same_twice_is_the_same_file(scored: Project, tmp_path: Path) -> None:
    for format in FORMATS:
        first, second = (
            export(scored, "half", format, tmp_path / name) for name in (f"1.{format}", f"2.{format}")
        )
        assert first.sha256 == second.sha256


def test_a_trace_that_two_batches_hold_is_exported_once(scored: Project, tmp_path: Path) -> None:
    add_batch(scored, short_traces(1), ["a"])
    assert export(scored, "half", "alpaca", tmp_path / "x.jsonl").rows == 2
    assert len(read(tmp_path / "x.jsonl", "alpaca")) == 2


def test_an_empty_selection_is_an_empty_file(scored: Project, tmp_path: Path) -> None:
    save_selection(scored, "none", Recipe("random", keep=0))
    for format in FORMATS:
        export(scored, "none", format, tmp_path / format)
        assert read(tmp_path / format, format) == []
        assert verify(tmp_path / format).ok


def test_refusals(scored: Project, tmp_path: Path) -> None:
    path = tmp_path / "half.jsonl"
    with pytest.raises(ExportError, match="no format 'csv'"):
        export(scored, "half", "csv", path)
    with pytest.raises(SelectionError, match="no selection 'other'"):
        export(scored, "other", "alpaca", path)
    path.write_text("mine")
    with pytest.raises(ExportError, match="already there"):
        export(scored, "half", "alpaca", path)
    assert path.read_text() == "mine"
    with pytest.raises(ExportError, match="file of the project itself"):
        export(scored, "half", "alpaca", scored.root / "project.toml", overwrite=True)
    export(scored, "half", "alpaca", path, overwrite=True)
    assert verify(path).ok


def test_a_damaged_batch_is_not_left_out_in_silence(scored: Project, tmp_path: Path) -> None:
    (scored.root / "batches" / "0002.duckdb").write_bytes(b"no database")
    with pytest.raises(ExportError, match=r"batches/0002\.duckdb"):
        export(scored, "half", "alpaca", tmp_path / "half.jsonl")
    assert not list(tmp_path.glob("*half*"))


def test_preview_is_the_head_of_the_export(scored: Project, tmp_path: Path) -> None:
    export(scored, "half", "messages", tmp_path / "half.jsonl")
    catalogue = open_catalogue(scored)
    lines = preview(
        catalogue, contents_of(catalogue, select(catalogue, Recipe("influence")), "messages"), "messages", 1
    )
    catalogue.close()
    assert lines == (tmp_path / "half.jsonl").read_text().splitlines()[:1]


EXPORT = """
import resource, sys
from pathlib import Path
from curation.errors import ExportError
from curation.export.write import export
from curation.store.project import open_project
if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    export(open_project(Path(sys.argv[1])), "all", "messages", Path(sys.argv[2]))
except ExportError as error:
    print(error)
"""


@pytest.fixture
def large(tmp_path: Path) -> Project:
    """60 MB of text, which takes a moment to write."""
    project = create_project(tmp_path / "p")
    with publishing(project.root / "batches", BATCH) as connection:
        connection.execute(
            """INSERT INTO traces SELECT 't' || i, 'p', repeat('word ' || i, 2000), '', '', '{}', 's', i
               FROM range(6000) r(i)"""
        )
    save_selection(project, "all", Recipe("random", keep=1))
    return project


def start(project: Project, path: Path, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", EXPORT, str(project.root), str(path), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_export_is_absent_and_can_be_repeated(large: Project, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(large, folder / "all.jsonl")
    deadline = time.monotonic() + 30
    while not [part for part in folder.glob(".*.part") if part.stat().st_size > 2**20]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert [path for path in folder.iterdir() if not path.name.endswith(".part")] == []
    export(large, "all", "messages", folder / "all.jsonl")
    assert verify(folder / "all.jsonl").ok


def test_a_full_disk_leaves_nothing(large: Project, tmp_path: Path) -> None:
    output, _ = start(large, tmp_path / "out" / "all.jsonl", limit=2**20).communicate(timeout=60)
    assert "cannot be written" in output
    assert list((tmp_path / "out").iterdir()) == []
