"""Conversations as traces: the last assistant turn is the response, what stands before it is the prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.errors import SourceError

_ROLE_KEYS = ("role", "from")
_TEXT_KEYS = ("content", "value")
REASONING_KEYS = ("reasoning", "reasoning_content", "thinking", "cot", "chain_of_thought", "rationale")
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "developer": "system",
}


@dataclass(frozen=True)
class Conversation:
    """A conversation read as one trace.

    Attributes:
        system: All system messages, a blank line between them.
        prompt: The turns before the response: the only one verbatim; several each with its role in front
            ("User: ...", "Assistant: ..."), a blank line between them.
        response: The last assistant turn, verbatim.
        after: Turns after the response, as they were: nothing learns from them.
    """

    system: str
    prompt: str
    response: str
    after: list[Any] = field(default_factory=list)


def read_conversation(messages: Sequence[Any]) -> Conversation:
    """Read a list of messages ({role, content} or ShareGPT's {from, value}) as one trace.

    Raises:
        SourceError: A message has no role or no text, or no assistant turn follows a first one.
    """
    turns = [_turn(message, number) for number, message in enumerate(messages, 1)]
    last = max((index for index, (role, _) in enumerate(turns) if role == "assistant"), default=-1)
    if last < 0:
        raise SourceError("The conversation has no assistant turn to learn.")
    before = [(role, text) for role, text in turns[:last] if role != "system"]
    if not before:
        raise SourceError("The conversation has no turn before the assistant's.")
    rendered = "\n\n".join(f"{role.capitalize()}: {text}" for role, text in before)
    return Conversation(
        system="\n\n".join(text for role, text in turns if role == "system"),
        prompt=before[0][1] if len(before) == 1 else rendered,
        response=turns[last][1],
        after=list(messages[last + 1 :]),
    )


def join_reasoning(reasoning: str, answer: str) -> str:
    """Reasoning and answer as one response: the reasoning in a `<think>` block, unless it brings its own."""
    if not reasoning.strip():
        return answer
    if "</think>" in reasoning:
        return f"{reasoning}\n\n{answer}"
    return f"<think>\n{reasoning}\n</think>\n\n{answer}"


def _turn(message: Any, number: int) -> tuple[str, str]:
    """The role, in OpenAI's words, and the text of one message."""
    if not isinstance(message, Mapping):
        raise SourceError(f"Message {number} is not an object with a role and a text.")
    role = next((message[key] for key in _ROLE_KEYS if isinstance(message.get(key), str)), None)
    content = next((message[key] for key in _TEXT_KEYS if message.get(key) is not None), None)
    if role is None:
        raise SourceError(f"Message {number} has no role.")
    role = _ROLES.get(role.lower(), role.lower())
    text = _content(content, number)
    reasoning = next((message[key] for key in REASONING_KEYS if isinstance(message.get(key), str)), "")
    return role, join_reasoning(reasoning, text) if role == "assistant" else text


def _content(content: Any, number: int) -> str:
    """A message's text: a string, or OpenAI's list of text parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise SourceError(f"Message {number} has no text.")
    if not all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content):
        raise SourceError(f"Message {number} holds something that is not text.")
    return "".join(part["text"] for part in content)
