"""A conversation becomes one trace: the last assistant turn and what led to it."""

import pytest

from curation.errors import SourceError
from curation.traces.chat import join_reasoning, read_conversation


def test_one_exchange_is_verbatim() -> None:
    read = read_conversation(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": " 1 + 1?\n"},
            {"role": "assistant", "content": "2 "},
        ]
    )
    assert (read.system, read.prompt, read.response, read.after) == ("Be brief.", " 1 + 1?\n", "2 ", [])


def test_several_turns_are_rendered_with_their_roles() -> None:
    read = read_conversation(
        [
            {"from": "human", "value": "1 + 1?"},
            {"from": "gpt", "value": "2"},
            {"from": "human", "value": "Sure?"},
            {"from": "gpt", "value": "Yes."},
            {"from": "human", "value": "Thanks."},
        ]
    )
    assert read.prompt == "User: 1 + 1?\n\nAssistant: 2\n\nUser: Sure?"
    assert read.response == "Yes."
    assert read.after == [{"from": "human", "value": "Thanks."}]


def test_text_parts_and_reasoning_are_joined() -> None:
    read = read_conversation(
        [
            {"role": "user", "content": [{"type": "text", "text": "1 +"}, {"type": "text", "text": " 1?"}]},
            {"role": "assistant", "content": "2", "reasoning_content": "Count."},
        ]
    )
    assert read.prompt == "1 + 1?"
    assert read.response == "<think>\nCount.\n</think>\n\n2"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "no assistant turn"),
        ([{"role": "user", "content": "hi"}], "no assistant turn"),
        ([{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}], "no turn before"),
        (["hi"], "Message 1 is not an object"),
        ([{"content": "hi"}], "Message 1 has no role"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": None}], "Message 2 has no text"),
        ([{"role": "user", "content": [{"type": "image", "url": "x"}]}], "Message 1 holds something"),
    ],
)
def test_what_is_no_conversation_is_refused_with_the_reason(messages: list[object], reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read_conversation(messages)


def test_reasoning_that_brings_its_own_think_block_keeps_it() -> None:
    assert join_reasoning("<think>a</think>", "b") == "<think>a</think>\n\nb"
    assert join_reasoning(" \n", "b") == "b"
