"""JSON Lines: every line is a row or says why it is none, and the rest goes on."""

import gzip
import json
from pathlib import Path

import pytest

from curation.errors import SourceError
from curation.traces.jsonl import read_json_lines
from curation.traces.rows import Row, Unreadable

GOOD = b'{"prompt": "a", "response": "b"}'
VALUES = {"prompt": "a", "response": "b"}


def read(path: Path, content: bytes) -> list[Row | Unreadable]:
    path.write_bytes(content)
    return list(read_json_lines(path))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{'prompt': 1}", "Not valid JSON, column 2: Expecting property name"),
        (b"hello", "Not valid JSON, column 1: Expecting value"),
        (GOOD + GOOD, "Not valid JSON, column 33: Extra data"),
        (b"[1, 2]", "Not a JSON object but list"),
        (b"null", "Not a JSON object but NoneType"),
        (b'"text"', "Not a JSON object but str"),
        (b'{"a": "\xff"}', "Not valid UTF-8: byte 0xff at position 8"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        (b'{"a": {"\\ud800": 1, "\\ud800": 3}}', r"the key '\\ud800' stands twice"),
        (b"[" * 100_000, "Not usable JSON: maximum recursion depth"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "Not usable JSON: Exceeds the limit"),
    ],
)
def test_a_line_that_is_no_row_says_why_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    first, bad, last = read(tmp_path / "a.jsonl", GOOD + b"\n" + line + b"\n" + GOOD + b"\n")
    assert first == Row(1, VALUES, GOOD.decode())
    assert last == Row(3, VALUES, GOOD.decode())
    assert isinstance(bad, Unreadable)
    assert bad.number == 2
    assert reason.replace("\\\\", "\\") in bad.reason
    assert bad.raw == line.decode("utf-8", "backslashreplace")
    (bad.raw + bad.reason).encode()


def test_a_truncated_last_line_is_unreadable(tmp_path: Path) -> None:
    first, last = read(tmp_path / "a.jsonl", GOOD + b"\n" + GOOD[:20])
    assert isinstance(first, Row)
    assert last == Unreadable(
        2, "Not valid JSON, column 17: Unterminated string starting at.", GOOD[:20].decode()
    )


def test_byte_order_mark_empty_lines_and_windows_line_ends(tmp_path: Path) -> None:
    found = read(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n  \n" + GOOD)
    assert found == [Row(1, VALUES, GOOD.decode()), Row(4, VALUES, GOOD.decode())]


def test_nan_reads_as_missing_and_infinity_as_text(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.jsonl", b'{"a": NaN, "b": -Infinity, "c": [NaN]}')
    assert isinstance(row, Row)
    assert row.values == {"a": None, "b": "-Infinity", "c": [None]}


def test_line_separators_inside_a_text_do_not_break_the_line(tmp_path: Path) -> None:
    line = json.dumps({"prompt": "a\u2028b\x85c\x0bd\r"}, ensure_ascii=False).encode()
    (row,) = read(tmp_path / "a.jsonl", line)
    assert isinstance(row, Row)
    assert row.values == {"prompt": "a\u2028b\x85c\x0bd\r"}


def test_gzip_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    content = b"".join(b'{"n": %d, "text": "%s"}\n' % (n, str(n * 7919).encode() * 20) for n in range(5_000))
    packed = gzip.compress(content)
    assert len(read(tmp_path / "a.jsonl.gz", packed)) == 5_000
    found = read(tmp_path / "b.jsonl.gz", packed[: len(packed) // 2])
    assert all(isinstance(row, Row) for row in found[:-1])
    assert len(found) > 100
    assert isinstance(found[-1], Unreadable)
    assert "breaks off" in found[-1].reason


def test_json_array(tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", b' \n[{"prompt": "a", "response": "b"}, 5]')
    assert found == [Row(1, VALUES), Unreadable(2, "Not a JSON object but int.", "5")]


def test_json_file_of_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", GOOD + b"\n" + GOOD) == [
        Row(number, VALUES, GOOD.decode()) for number in (1, 2)
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b'[{"a": 1}, {"b"', "holds no whole JSON array"),
        ("a.json", b"[\xff]", "holds no whole JSON array"),
        ("a.jsonl", GOOD.decode().encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("a.jsonl.gz", b"not packed", "is no readable gzip file"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read(tmp_path / name, content)


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    text = "x" * 10_000_000
    (row,) = read(tmp_path / "a.jsonl", json.dumps({"prompt": text}).encode())
    assert isinstance(row, Row)
    assert row.values == {"prompt": text}
