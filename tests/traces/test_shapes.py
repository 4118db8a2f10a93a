"""Each common shape of row is recognised, and what is no trace is refused with its reason."""

from typing import Any

import pytest

from curation.errors import SourceError
from curation.traces.shapes import Fields, read_trace

THOUGHT = "<think>\nCount.\n</think>\n\n2"
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
]
SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "1 + 1?"},
    {"from": "gpt", "value": "2"},
]

# row, prompt, response, answer, system
SHAPES: list[tuple[dict[str, Any], str, str, str, str]] = [
    ({"question": "1 + 1?", "answer": "It is 2.\n#### 2"}, "1 + 1?", "It is 2.\n#### 2", "2", ""),
    ({"prompt": "1 + 1?", "response": r"So \boxed{2}."}, "1 + 1?", r"So \boxed{2}.", "2", ""),
    ({"prompt": "1 + 1?", "completion": "2"}, "1 + 1?", "2", "", ""),
    ({"prompt": CHAT[:2], "completion": CHAT[2:]}, "1 + 1?", "2", "", "Be brief."),
    ({"prompt": CHAT[:2], "completion": "2"}, "1 + 1?", "2", "", "Be brief."),
    ({"prompt": "1 + 1?", "response": CHAT[2:]}, "1 + 1?", "2", "", ""),
    ({"instruction": "Add.", "input": "1, 1", "output": "2"}, "Add.\n\n1, 1", "2", "", ""),
    ({"instruction": "Add 1, 1.", "input": "", "output": "2"}, "Add 1, 1.", "2", "", ""),
    ({"instruction": "Add 1, 1.", "output": "2"}, "Add 1, 1.", "2", "", ""),
    ({"messages": CHAT}, "1 + 1?", "2", "", "Be brief."),
    ({"messages": CHAT, "question": "other", "answer": "2"}, "1 + 1?", "2", "2", "Be brief."),
    ({"conversations": SHAREGPT}, "1 + 1?", "2", "", "Be brief."),
    ({"conversations": SHAREGPT[1:], "system": "Short."}, "1 + 1?", "2", "", "Short."),
    ({"question": "1 + 1?", "solution": "One and one.", "answer": "2"}, "1 + 1?", "One and one.", "2", ""),
    ({"question": "1 + 1?", "solution": "One and one.", "answer": 2}, "1 + 1?", "One and one.", "2", ""),
    ({"problem": "1 + 1?", "solution": r"\boxed{2}"}, "1 + 1?", r"\boxed{2}", "2", ""),
    ({"query": "1 + 1?", "response": "2"}, "1 + 1?", "2", "", ""),
    ({"question": "1 + 1?", "reasoning": "Count.", "answer": "2"}, "1 + 1?", THOUGHT, "2", ""),
    ({"question": "1 + 1?", "thinking": "Count.", "response": "2"}, "1 + 1?", THOUGHT, "2", ""),
    ({"prompt": "1 + 1?", "reasoning_content": "Count.", "response": "2"}, "1 + 1?", THOUGHT, "2", ""),
    ({"question": "1 + 1?", "cot": "Count.", "answer": "2"}, "1 + 1?", THOUGHT, "2", ""),
    ({"prompt": "1 + 1?", "response": THOUGHT}, "1 + 1?", THOUGHT, "2", ""),
    ({"prompt": "1 + 1?", "response": "2", "messages": None}, "1 + 1?", "2", "", ""),
]


@pytest.mark.parametrize(("row", "prompt", "response", "answer", "system"), SHAPES)
def test_shape(row: dict[str, Any], prompt: str, response: str, answer: str, system: str) -> None:
    trace = read_trace(row, source="a.jsonl", source_row=3)
    assert (trace.prompt, trace.response, trace.answer, trace.system) == (prompt, response, answer, system)
    assert (trace.source, trace.source_row) == ("a.jsonl", 3)


def test_all_other_columns_are_metadata() -> None:
    row = {"question": "1 + 1?", "answer": "2", "level": 3, "tags": ["sum"], "input": "kept", "none": None}
    expected = {"level": 3, "tags": ["sum"], "input": "kept", "none": None}
    assert read_trace(row).metadata == expected


def test_turns_after_the_response_are_kept_in_the_metadata() -> None:
    row = {"messages": [*CHAT, {"role": "user", "content": "Thanks."}]}
    assert read_trace(row).metadata == {"messages_after": [{"role": "user", "content": "Thanks."}]}


def test_fields_given_by_hand_go_before_what_is_recognised() -> None:
    row = {"messages": CHAT, "q": "1 + 1?", "r": "One and one: 2", "a": 2, "answer": "other"}
    trace = read_trace(row, Fields(prompt="q", response="r", answer="a"))
    assert (trace.prompt, trace.response, trace.answer) == ("1 + 1?", "One and one: 2", "2")
    assert trace.metadata == {"messages": CHAT, "answer": "other"}


def test_one_field_by_hand_leaves_the_other_to_be_recognised() -> None:
    row = {"prompt": "1 + 1?", "text": "2", "response": "3"}
    trace = read_trace(row, Fields(response="text"))
    assert (trace.prompt, trace.response, trace.metadata) == ("1 + 1?", "2", {"response": "3"})


def test_control_characters_and_markup_are_data() -> None:
    text = (
        "\x00\x07\x1b[31m <script>alert(1)</script> ![x](http://x.example) '; DROP TABLE traces; $a$ \ufeff"
    )
    trace = read_trace({"prompt": text, "response": text})
    assert (trace.prompt, trace.response) == (text, text)


@pytest.mark.parametrize(
    ("row", "fields", "reason"),
    [
        ({}, Fields(), "No prompt and response is recognised; the row has no fields"),
        ({"text": "a"}, Fields(), "the row has the fields text: name the fields"),
        ({"prompt": "a", "text": "b"}, Fields(), "No response is recognised"),
        ({"prompt": "a", "text": "b"}, Fields(response="body"), "There is no field 'body'; .* prompt, text"),
        ({"prompt": "a", "body": None}, Fields(response="body"), "There is no field 'body'"),
        ({"prompt": " \n", "response": "a"}, Fields(), "The prompt is empty"),
        ({"prompt": "a", "response": ""}, Fields(), "The response is empty"),
        ({"prompt": "a", "reasoning": "b", "response": ""}, Fields(), "The response is empty"),
        ({"question": "a", "answer": 5}, Fields(), "'answer' is not a text but int"),
        ({"prompt": {"a": 1}, "response": "b"}, Fields(), "'prompt' is not a text but dict"),
        ({"prompt": "a", "response": "\ud800"}, Fields(), "response holds a lone surrogate at character 0"),
        ({"prompt": "a\udfff", "response": "b"}, Fields(), "prompt holds a lone surrogate at character 1"),
        ({"prompt": "a", "solution": "b", "answer": "\ud800"}, Fields(), "answer holds a lone surrogate"),
        ({"prompt": "a", "response": "b", "a": []}, Fields(answer="a"), "neither a text nor a number"),
        ({"messages": "a"}, Fields(), "'messages' is not a list"),
        ({"messages": []}, Fields(), "no assistant turn"),
    ],
)
def test_what_is_no_trace_is_refused_with_the_reason(
    row: dict[str, Any], fields: Fields, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        read_trace(row, fields)
