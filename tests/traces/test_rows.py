"""Whatever a row holds can be kept as strict JSON that fits into a database."""

import datetime
import json
import math

from curation.traces.rows import Row, as_json, storable


def test_json_is_strict_and_always_fits() -> None:
    hostile = {
        "nan": math.nan,
        "nested": [{"inf": math.inf}],
        "surrogate": "a\ud800b",
        "date": datetime.date(2024, 2, 29),
        "bytes": b"\xffa",
        "nul": "\x00",
    }
    text = as_json(hostile)
    text.encode()

    def no_constant(name: str) -> None:
        raise AssertionError(name)

    assert json.loads(text, parse_constant=no_constant) == {
        "nan": None,
        "nested": [{"inf": "inf"}],
        "surrogate": "a\ud800b",
        "date": "2024-02-29",
        "bytes": "\\xffa",
        "nul": "\x00",
    }


def test_other_alphabets_stay_legible_and_searchable() -> None:
    assert as_json({"a": "數學 é"}) == '{"a": "數學 é"}'


def test_raw_is_the_text_as_it_stood() -> None:
    assert Row(1, {"a": 1}, '{"a":  1}').raw == '{"a":  1}'
    assert Row(1, {"a": 1}).raw == '{"a": 1}'
    assert storable("a\ud800\udfff\x00é") == "a\\ud800\\udfff\x00é"
