"""Shapes of source rows: which columns hold the prompt, the response and the answer.

| shape | prompt | response | answer |
|---|---|---|---|
| question, answer (GSM8K) | question | answer | marked in the response |
| prompt, response; prompt, completion | prompt | response or completion | marked in the response |
| instruction, input, output | instruction, blank line, input | output | marked in the response |
| question or problem, solution, answer | question or problem | solution | answer |
| question, reasoning, answer or response | question | `<think>` reasoning `</think>` answer | marked in it |
| messages; conversations (ShareGPT) | turns before the last of the assistant | that turn | marked in it |

A prompt or completion may itself be a list of messages. A row's other columns are its metadata.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.errors import SourceError
from curation.traces.answers import extract_answer
from curation.traces.chat import REASONING_KEYS, join_reasoning, read_conversation
from curation.traces.trace import Trace

_CONVERSATIONS = ("messages", "conversations", "conversation")
_PROMPTS = ("prompt", "question", "problem", "instruction", "query", "input")
_RESPONSES = ("response", "completion", "solution", "output", "answer")
_ANSWERS = ("answer", "final_answer", "expected_answer")
_SYSTEMS = ("system", "system_prompt")
_AFTER = "messages_after"
_SHOWN_FIELDS = 20


@dataclass(frozen=True)
class Fields:
    """Names of columns given by hand; what is None is recognised."""

    prompt: str | None = None
    response: str | None = None
    answer: str | None = None


RECOGNISED = Fields()


def read_trace(
    row: Mapping[str, Any], fields: Fields = RECOGNISED, *, source: str = "", source_row: int = 0
) -> Trace:
    """Read a row of any known shape as a trace.

    Raises:
        SourceError: What keeps the row from being a trace, in one sentence.
    """
    for name in (fields.prompt, fields.response, fields.answer):
        if name is not None and _missing(row.get(name)):
            raise SourceError(f"There is no field {name!r}; the row has {_names(row)}.")
    columns = {name: value for name, value in row.items() if not _missing(value)}
    by_hand = fields.prompt is not None or fields.response is not None
    conversation = None if by_hand else _first(columns, _CONVERSATIONS)
    if conversation is not None:
        used = {conversation}
        system, prompt, response, after = _converse(columns[conversation], conversation)
    else:
        used, (system, prompt, response, after) = _read_columns(columns, fields)
    answer, answer_column = _answer(columns, fields, used, response)
    system_column = _first(columns, _SYSTEMS)
    if not system and system_column and isinstance(columns[system_column], str):
        system, used = columns[system_column], used | {system_column}
    metadata = {name: value for name, value in row.items() if name not in used | {answer_column}}
    return Trace(
        prompt=_checked(prompt, "prompt"),
        response=_checked(response, "response"),
        answer=_encodable(answer, "answer"),
        system=_encodable(system, "system message"),
        metadata=metadata | ({_AFTER: after} if after else {}),
        source=source,
        source_row=source_row,
    )


_Read = tuple[str, str, str, list[Any]]  # system, prompt, response, turns after the response


def _converse(messages: Any, name: str) -> _Read:
    if not isinstance(messages, list):
        raise SourceError(f"The field {name!r} is not a list of messages.")
    read = read_conversation(messages)
    return read.system, read.prompt, read.response, read.after


def _read_columns(columns: Mapping[str, Any], fields: Fields) -> tuple[set[str], _Read]:
    """Read a row whose prompt and response are columns of their own; also the columns that this took."""
    prompt = fields.prompt or _first(columns, _PROMPTS, skip=(fields.response, fields.answer))
    response = fields.response or _first(columns, _RESPONSES, skip=(prompt, fields.answer))
    if prompt is None or response is None:
        missing = " and ".join(
            word for word, name in (("prompt", prompt), ("response", response)) if name is None
        )
        raise SourceError(f"No {missing} is recognised; the row has {_names(columns)}: name the fields.")
    used = {prompt, response}
    if isinstance(columns[prompt], list) or isinstance(columns[response], list):
        return used, _converse(
            _turns(columns[prompt], "user") + _turns(columns[response], "assistant"), prompt
        )
    asked = _string(columns[prompt], prompt)
    if prompt == "instruction" and fields.prompt is None and response != "input":
        if context := _string(columns.get("input", ""), "input"):
            asked = f"{asked}\n\n{context}"
        used.add("input")
    told = _string(columns[response], response)
    reasoning = None if fields.response else _first(columns, REASONING_KEYS)
    if reasoning and told.strip():
        told = join_reasoning(_string(columns[reasoning], reasoning), told)
        used.add(reasoning)
    return used, ("", asked, told, [])


def _turns(value: Any, role: str) -> list[Any]:
    return value if isinstance(value, list) else [{"role": role, "content": value}]


def _answer(
    columns: Mapping[str, Any], fields: Fields, used: set[str], response: str
) -> tuple[str, str | None]:
    """The answer, and the column of its own that it came from."""
    column = fields.answer or _first(columns, _ANSWERS, skip=tuple(used))
    value = columns.get(column) if column else None
    if isinstance(value, str):
        return value, column
    if isinstance(value, int | float):
        return str(value), column
    if fields.answer:
        raise SourceError(f"The field {fields.answer!r} is neither a text nor a number.")
    return extract_answer(response), None


def _first(
    columns: Mapping[str, Any], names: tuple[str, ...], skip: tuple[str | None, ...] = ()
) -> str | None:
    return next((name for name in names if name in columns and name not in skip), None)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _names(row: Mapping[str, Any]) -> str:
    shown = ", ".join(str(name)[:60] for name in list(row)[:_SHOWN_FIELDS])
    return f"the fields {shown}{', ...' if len(row) > _SHOWN_FIELDS else ''}" if row else "no fields"


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise SourceError(f"The field {name!r} is not a text but {type(value).__name__}.")
    return value


def _checked(text: str, what: str) -> str:
    if not text.strip():
        raise SourceError(f"The {what} is empty.")
    return _encodable(text, what)


def _encodable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"The {what} holds a lone surrogate at character {error.start}, which is no valid Unicode."
        ) from error
    return text
