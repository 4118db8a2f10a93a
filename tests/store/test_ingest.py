"""Ingest: every row ends as a trace, a duplicate or a rejected row, once, whatever it holds."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from curation.errors import ProjectError, SourceError
from curation.store.catalogue import open_catalogue
from curation.store.ingest import Ingested, ingest
from curation.store.project import Project
from curation.traces.shapes import Fields
from curation.traces.trace import Trace

GSM8K = Path(__file__).parents[2] / "../shared/data/gsm8k"
CHAT = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
SHAPES: dict[str, dict[str, Any]] = {
    "question-answer": {"question": "1 + 1?", "answer": "2"},
    "prompt-response": {"prompt": "1 + 1?", "response": "2"},
    "prompt-completion": {"prompt": "1 + 1?", "completion": "2"},
    "instruction": {"instruction": "1 + 1?", "input": "", "output": "2"},
    "messages": {"messages": CHAT},
    "sharegpt": {"conversations": [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "2"}]},
    "limo": {"question": "1 + 1?", "solution": "2", "answer": "2"},
    "problem-solution": {"problem": "1 + 1?", "solution": "2"},
    "reasoning": {"question": "1 + 1?", "reasoning": "Count.", "answer": "2"},
    "think": {"prompt": "1 + 1?", "response": "<think>\nCount.\n</think>\n\n2"},
}
HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "![x](http://127.0.0.1:9/x.png) [y](javascript:alert(1)) :red[z]",
    "'; DROP TABLE traces; -- \" $1 ? %s {prompt}",
    "$5 and $6, \\(x\\), $$\\frac{1}{2}$$",
    "".join(map(chr, range(32))) + "\x7f\x80\x9f\u2028\u2029\ufeff\u202e\ufffe\ufffd end",
    "e\u0301 é 😀 \U0010ffff 數學",
    "../../etc/passwd",
    "\\u0000 \\ud800 \\n",
    " leading and trailing \n",
]


def write(path: Path, lines: Iterable[object]) -> str:
    """Write rows as JSON, and bytes as they are."""
    with path.open("wb") as file:
        for line in lines:
            file.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
    return str(path)


def trace_rows(numbers: Iterable[int]) -> list[dict[str, Any]]:
    return [{"prompt": f"question {n}", "response": f"response {n}", "n": n} for n in numbers]


def state(project: Project) -> list[list[tuple[Any, ...]]]:
    """Everything that ingest can change."""
    catalogue = open_catalogue(project)
    names = ("traces", "duplicates", "rejected")
    found = [sorted(catalogue.rows(f"SELECT * FROM {name}")) for name in names]
    return [[(name,) for name in catalogue.files], *found]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_goes_in_among_malformed_rows(project: Project, tmp_path: Path, shape: str) -> None:
    row = SHAPES[shape]
    broken = [b"{", b"[]", b"\xff\xfe\xfd", {}, {**row, next(iter(row)): 7}, json.dumps(row).encode()[:-4]]
    done = ingest(project, write(tmp_path / "a.jsonl", [*broken[:3], row, *broken[3:]]))
    assert (done.read, done.added, done.duplicates, done.rejected) == (7, 1, 0, 6)
    catalogue = open_catalogue(project)
    (trace,) = catalogue.rows("SELECT prompt, response, source_row FROM traces")
    response = "<think>\nCount.\n</think>\n\n2" if shape in ("reasoning", "think") else "2"
    assert trace == ("1 + 1?", response, 4)
    rejected = catalogue.rows("SELECT line, reason, raw, source FROM rejected ORDER BY line")
    assert [line for line, *_ in rejected] == [1, 2, 3, 5, 6, 7]
    assert all(reason.endswith(".") or "name the fields" in reason for _, reason, *_ in rejected)
    assert rejected[0][2] == "{"
    assert rejected[2][2] == "\\xff\\xfe\\xfd"
    assert {source for *_, source in rejected} == {f"{tmp_path.name}/a.jsonl"}


def test_the_same_rows_give_the_same_traces_from_every_kind_of_source(
    tmp_path: Path, project: Project
) -> None:
    found = trace_rows(range(5))
    pq.write_table(pa.Table.from_pylist(found), tmp_path / "a.parquet")
    Dataset.from_list(found).save_to_disk(tmp_path / "saved")
    (tmp_path / "a.json").write_text(json.dumps(found))
    first = ingest(project, write(tmp_path / "a.jsonl", found))
    assert (first.added, first.duplicates) == (5, 0)
    for source in ("a.parquet", "saved", "a.json"):
        again = ingest(project, str(tmp_path / source))
        assert (again.added, again.duplicates, again.known) == (0, 5, 0)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*), count(DISTINCT source) FROM duplicates") == [(15, 3)]
    metadata = catalogue.rows("SELECT metadata FROM traces ORDER BY source_row")
    assert [json.loads(text) for (text,) in metadata] == [{"n": n} for n in range(5)]


def test_the_same_rows_again_change_nothing(project: Project, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [*trace_rows([1, 2, 1, 1]), b"broken", {}, {"prompt": "\ud800"}])
    first = ingest(project, source)
    assert astuple(first)[:6] == (7, 2, 2, 3, 0, "0001.duckdb")
    before = state(project)
    again = ingest(project, source)
    assert again == Ingested(read=7, added=0, duplicates=0, rejected=0, known=7, batch=None)
    assert again.message == "Nothing new: all 7 rows were there before."
    assert state(project) == before
    assert [path.name for path in (project.root / "batches").glob("*[!k]")] == ["0001.duckdb"]


def test_a_longer_file_adds_only_its_new_rows(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    ingest(project, write(path, trace_rows(range(10))))
    done = ingest(project, write(path, [*trace_rows(range(12)), *trace_rows([3, 11])]))
    assert done == Ingested(read=14, added=2, duplicates=2, rejected=0, known=10, batch="0002.duckdb")
    assert done.message == "Read 14 rows: 2 new traces, 2 duplicates, 0 rejected, 10 there before."
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*), count(DISTINCT trace_id) FROM traces") == [(12, 12)]
    assert catalogue.rows("SELECT source_row FROM duplicates ORDER BY 1") == [(13,), (14,)]


def test_duplicates_are_found_across_chunks_and_files(project: Project, tmp_path: Path) -> None:
    ingest(project, write(tmp_path / "a.jsonl", trace_rows(range(1_000))))
    numbers = [*range(500, 3_000), *range(2_500, 4_000), *range(500, 600)]
    done = ingest(project, write(tmp_path / "b.jsonl", trace_rows(numbers)))
    assert (done.read, done.added, done.duplicates) == (4_100, 3_000, 1_100)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*), count(DISTINCT trace_id) FROM traces") == [(4_000, 4_000)]
    wrong = """SELECT count(*) FROM duplicates d JOIN traces t USING (trace_id)
               WHERE d.source = t.source AND d.source_row <= t.source_row"""
    assert catalogue.rows(wrong) == [(0,)]


def test_a_duplicate_differs_in_answer_metadata_or_white_space_only(project: Project, tmp_path: Path) -> None:
    first = {"prompt": "é", "response": "a\nb", "answer": "1"}
    same = {"prompt": " e\u0301 ", "response": "a\r\nb\n", "answer": "2", "level": 3}
    other = {"prompt": "é", "response": "a\nb", "system": "Be brief."}
    done = ingest(project, write(tmp_path / "a.jsonl", [first, same, other]))
    assert (done.added, done.duplicates) == (2, 1)


def test_hostile_text_comes_back_bit_for_bit(project: Project, tmp_path: Path) -> None:
    texts = [*HOSTILE, "x\x00" * 5_000_000]
    found = [
        {"prompt": f"{n} {text}", "response": text, "answer": text, "note": text}
        for n, text in enumerate(texts)
    ]
    done = ingest(project, write(tmp_path / "a.jsonl", found))
    assert (done.added, done.rejected) == (len(texts), 0)
    catalogue = open_catalogue(project)
    columns = "prompt, response, answer, metadata, trace_id, source_row"
    stored = catalogue.table(f"SELECT {columns} FROM traces ORDER BY source_row").to_pylist()
    for row, trace in zip(found, stored, strict=True):
        assert {name: trace[name] for name in ("prompt", "response", "answer")} | json.loads(
            trace["metadata"]
        ) == row
        assert trace["trace_id"] == Trace(row["prompt"], row["response"]).trace_id


def test_lone_surrogates_are_rejected_and_kept_escaped(project: Project, tmp_path: Path) -> None:
    rows = [
        {"prompt": "a\ud800", "response": "b"},
        {"prompt": "a", "response": "b", "\udfff": "\udfff"},
        {"\ud800": 1},
    ]
    pretty = tmp_path / "a.json"
    pretty.write_text(json.dumps(rows))
    done = ingest(project, str(pretty))
    assert (done.added, done.rejected) == (1, 2)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT metadata FROM traces") == [('{"\\udfff": "\\udfff"}',)]
    first, second = catalogue.rows("SELECT reason, raw FROM rejected ORDER BY line")
    assert first == (
        "The prompt holds a lone surrogate at character 1, which is no valid Unicode.",
        '{"prompt": "a\\ud800", "response": "b"}',
    )
    assert "\\ud800" in second[0]


def test_a_source_of_rejected_rows_only_is_published_and_says_so(project: Project, tmp_path: Path) -> None:
    done = ingest(project, write(tmp_path / "a.jsonl", [{"text": "a"}, {"text": "b"}]))
    assert (done.added, done.rejected, done.batch) == (0, 2, "0001.duckdb")
    assert done.message.startswith("Every one of the 2 rows was rejected; the first: No prompt and response")
    assert open_catalogue(project).rows("SELECT count(*) FROM rejected") == [(2,)]


def test_a_missing_field_is_rejected_by_name(project: Project, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [{"q": "a", "r": "b"}, {"q": "a"}])
    done = ingest(project, source, fields=Fields(prompt="q", response="r"))
    assert (done.added, done.rejected) == (1, 1)
    assert done.first_reason == "There is no field 'r'; the row has the fields q."


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", b"", "holds no rows"),
        ("a.jsonl", b"\n \n", "holds no rows"),
        ("a.json", b"[", "no whole JSON array"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
        ("a.txt", b"a", "unknown kind"),
    ],
)
def test_an_unreadable_source_leaves_nothing_behind(
    project: Project, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=reason):
        ingest(project, str(tmp_path / name))
    assert project.files == ()
    assert not list((project.root / "batches").glob("*.part*"))


def test_limit_reads_the_first_rows(project: Project, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", trace_rows(range(10)))
    seen: list[int] = []
    assert ingest(project, source, limit=4, on_progress=seen.append).added == 4
    assert seen == [4]
    assert open_catalogue(project).rows("SELECT max(source_row) FROM traces") == [(4,)]
    with pytest.raises(SourceError, match="limit of 0"):
        ingest(project, source, limit=0)


def test_a_damaged_batch_stops_ingest_before_it_repeats_traces(project: Project, tmp_path: Path) -> None:
    ingest(project, write(tmp_path / "a.jsonl", trace_rows(range(3))))
    project.batches[0].write_bytes(b"damaged")
    with pytest.raises(ProjectError, match=r"batches/0001\.duckdb cannot be read"):
        ingest(project, write(tmp_path / "b.jsonl", trace_rows(range(3))))


def test_ingests_at_the_same_time_take_turns(project: Project, tmp_path: Path) -> None:
    sources = [write(tmp_path / f"{n}.jsonl", trace_rows(range(n * 100, n * 100 + 300))) for n in range(6)]
    errors: list[BaseException] = []

    def work(source: str) -> None:
        try:
            ingest(project, source)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(source,)) for source in sources[:3]]
    script = (
        "import sys; from pathlib import Path; from curation.store.ingest import ingest\n"
        "from curation.store.project import open_project\n"
        "ingest(open_project(Path(sys.argv[1])), sys.argv[2])"
    )
    command = [sys.executable, "-c", script, str(project.root)]
    processes = [subprocess.Popen([*command, source]) for source in sources[3:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert errors == []
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*), count(DISTINCT trace_id) FROM traces") == [(800, 800)]
    assert catalogue.rows("SELECT count(*) FROM duplicates") == [(1_000,)]


@pytest.mark.skipif(not GSM8K.is_dir(), reason="needs ../shared/data/gsm8k")
def test_gsm8k(project: Project) -> None:
    done = ingest(project, str(GSM8K / "train.jsonl"), limit=200)
    assert (done.added, done.rejected) == (200, 0)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT answer FROM traces ORDER BY source_row LIMIT 3") == [
        ("72",),
        ("10",),
        ("5",),
    ]
    assert catalogue.rows("SELECT count(*) FROM traces WHERE answer = ''") == [(0,)]


MEASURE = """
import json, random, resource, sys, time
from pathlib import Path
from curation.store.ingest import ingest
from curation.store.project import open_project

rng = random.Random(0)
words = [rng.randbytes(4).hex() for _ in range(20_000)]
source = Path(sys.argv[1]) / "big.jsonl"
with source.open("w") as file:
    for n in range(100_000):
        text = " ".join(rng.choices(words, k=215))
        file.write(json.dumps({"question": f"{n} {text[:400]}", "answer": text[400:], "n": n}) + "\\n")
size = source.stat().st_size
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
done = ingest(open_project(Path(sys.argv[2])), str(source))
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps([done.added, size, time.monotonic() - start, grown]))
"""


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_two_kilobytes_take_under_a_minute_in_bounded_memory(
    project: Project, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", MEASURE, str(tmp_path), str(project.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    added, size, seconds, grown = json.loads(done.stdout)
    assert added == 100_000
    assert size > 190_000_000
    assert seconds < 60
    assert grown < 600_000_000
