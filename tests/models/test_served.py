import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.errors import ModelError
from curation.models.encode import encode, prompt_text
from curation.models.generate import Generated, Prompt
from curation.models.sampling import Sampling
from curation.models.served import ServedModel, complete, served_model
from curation.models.server import Server
from tests.completions import NAME, Body, Served, closed_port, serving
from tests.tiny import save_tiny

WORDS = " ".join(f"w{i}" for i in range(45))
PROMPTS = [Prompt(f"w{i} w{i + 1}", "w40" if i % 2 else "") for i in range(12)]


def echo(body: Body) -> tuple[str, str]:
    """Says what it was asked, and by which seed; what begins with w3 never ends."""
    text = f"{body['prompt'].strip()} seed {body.get('seed')}"
    return text, "length" if body["prompt"].startswith("w3") else "stop"


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(echo) as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny") / "model", "llama", WORDS))


def model_at(url: str, folder: str, **settings: Any) -> ServedModel:
    return served_model(folder, Server(url, waits=(0.01, 0.01), timeout=5.0), name=NAME, **settings)


def all_of(model: ServedModel, prompts: list[Prompt] = PROMPTS, **settings: Any) -> list[Generated]:
    made: dict[int, Generated] = {}
    for batch in complete(model, prompts, **{"template": "plain", **settings}):
        made |= batch
    return [made[index] for index in range(len(prompts))]


def test_each_prompt_gets_the_servers_completion_of_the_text_that_scoring_sees(
    server: Served, folder: str
) -> None:
    model = model_at(server.url, folder)
    made = all_of(model)
    for prompt, one in zip(PROMPTS, made, strict=True):
        text = prompt_text(model.tokenizer, prompt.text, prompt.system, "plain")
        assert one == Generated(f"{text.strip()} seed None", 7, not text.startswith("w3"))
    (body,) = [one for one in server.asked if one["prompt"] == "w0 w1\n"]
    assert body == {
        "model": NAME,
        "prompt": "w0 w1\n",
        "max_tokens": 512,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": -1,
        "repetition_penalty": 1.0,
    }


def test_a_sample_takes_its_seed_along(server: Served, folder: str) -> None:
    made = all_of(
        model_at(server.url, folder), sampling=Sampling(temperature=0.5, top_p=0.9), seeds=list(range(12))
    )
    assert [one.completion.rpartition(" ")[2] for one in made] == [str(seed) for seed in range(12)]
    assert {(one["temperature"], one["top_p"]) for one in server.asked} == {(0.5, 0.9)}


def test_a_chat_template_that_writes_its_own_beginning_gets_no_second_one(
    server: Served, folder: str
) -> None:
    model = model_at(server.url, folder)
    core: Any = model.tokenizer
    core.chat_template = "{{ bos_token }} {% for m in messages %}{{ m['content'] }} {% endfor %}"
    from tokenizers.processors import TemplateProcessing

    core.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", core.bos_token_id)]
    )
    all_of(model, PROMPTS[:1], template="auto")
    (body,) = server.asked
    encoded = encode(core, PROMPTS[0].text, "")
    ids = core(body["prompt"], add_special_tokens=body["add_special_tokens"])["input_ids"]
    assert tuple(ids) == encoded.ids[: encoded.prompt_length]
    assert ids.count(core.bos_token_id) == 1
    all_of(model, PROMPTS[:1], template="plain")
    assert "add_special_tokens" not in server.asked[1]


def test_an_answer_is_limited_to_the_room_that_the_server_has(folder: str) -> None:
    with serving(echo, room=8) as server:
        made = all_of(model_at(server.url, folder), [PROMPTS[0], Prompt(" ".join(["w5"] * 8))])
    assert [one["max_tokens"] for one in server.asked] == [6]
    assert made[1] == Generated("", 0, False)


def test_many_are_asked_at_a_time_but_no_more_than_wanted(folder: str) -> None:
    together = threading.Barrier(4)

    def wait_for_three(body: Body) -> tuple[str, str]:
        together.wait(5)
        return echo(body)

    with serving(wait_for_three) as server:
        assert len(all_of(model_at(server.url, folder, requests=4))) == 12


def test_what_is_skipped_is_not_asked(server: Served, folder: str) -> None:
    model = model_at(server.url, folder)
    batches = list(complete(model, PROMPTS, template="plain", skip=set(range(11))))
    assert [list(batch) for batch in batches] == [[11]]
    assert len(server.asked) == 1
    away = model_at(f"http://127.0.0.1:{closed_port()}/v1", folder)
    assert list(complete(away, PROMPTS, skip=set(range(12)))) == []


@pytest.mark.parametrize("status", [503, 429, 500])
def test_a_request_that_fails_at_first_is_tried_again(server: Served, folder: str, status: int) -> None:
    server.failing = lambda body, before: status if before < 1 else None
    assert len(all_of(model_at(server.url, folder))) == 12
    assert len(server.asked) == 12
    assert set(server.before.values()) == {2}


def test_a_server_that_stays_ill_is_named_after_three_tries(server: Served, folder: str) -> None:
    server.failing = lambda body, before: 503
    with pytest.raises(ModelError, match=r"answers HTTP 503 .*as told.*repeat the command"):
        all_of(model_at(server.url, folder, requests=1))
    assert set(server.before.values()) == {3}


def test_a_request_that_the_server_refuses_is_not_repeated(server: Served, folder: str) -> None:
    server.failing = lambda body, before: 400
    with pytest.raises(ModelError, match=r"answers HTTP 400 .*as told"):
        all_of(model_at(server.url, folder, requests=1))
    assert set(server.before.values()) == {1}


@pytest.mark.parametrize(
    "reply",
    [
        b"<html>It works!</html>",
        b"\xff\xfe",
        b"[]",
        b"3",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"text": 3, "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "x"}]}',
        b'{"choices": [{"text": "x", "finish_reason": null}]}',
        b'{"choices": "x"}',
    ],
)
def test_a_reply_that_is_none_is_named(server: Served, folder: str, reply: bytes) -> None:
    server.replied = reply
    with pytest.raises(ModelError, match="does not answer as OpenAI's completions interface says"):
        all_of(model_at(server.url, folder, requests=1))


def test_tokens_are_counted_here_where_the_server_does_not_say(server: Served, folder: str) -> None:
    server.replied = json.dumps({"choices": [{"text": "w1 w2 w3", "finish_reason": "stop"}]}).encode()
    assert all_of(model_at(server.url, folder), PROMPTS[:1]) == [Generated("w1 w2 w3", 4, True)]


def test_what_no_file_can_hold_is_written_out(server: Served, folder: str) -> None:
    server.replied = b'{"choices": [{"text": "w1 \\ud800", "finish_reason": "stop"}]}'
    assert all_of(model_at(server.url, folder), PROMPTS[:1])[0].completion == "w1 \\ud800"


def test_a_model_that_the_server_does_not_have_is_named_with_those_that_it_has(
    server: Served, folder: str
) -> None:
    with pytest.raises(ModelError, match=rf"has no model .*model \(it has: {NAME}\).*--served-name"):
        all_of(served_model(folder, Server(server.url)))


def test_a_server_that_is_not_there_or_does_not_reply_is_said_in_a_sentence(folder: str) -> None:
    with pytest.raises(ModelError, match=r"cannot be reached \(.*refused.*\); start it"):
        all_of(model_at(f"http://127.0.0.1:{closed_port()}/v1", folder))
    never = threading.Event()

    def hang(body: Body) -> tuple[str, str]:
        never.wait(5)
        return echo(body)

    with serving(hang) as server:
        model = served_model(folder, Server(server.url, timeout=0.2), name=NAME)
        with pytest.raises(ModelError, match=r"no reply within 0\.2 seconds"):
            all_of(model)
        never.set()


def test_another_path_of_the_server_is_said_to_be_none(server: Served, folder: str) -> None:
    with pytest.raises(ModelError, match=r"answers HTTP 404 .* up to /v1"):
        all_of(model_at(server.url.removesuffix("/v1"), folder))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "file:///etc/passwd",
        "ftp://host/v1",
        "http://",
        "http://[::1/v1",
        "http://me:secret@host/v1",
        "http://h/v1?key=s",
    ],
)
def test_what_is_no_address_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(ModelError, match="server"):
        Server(url)


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    server: Served, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    all_of(model_at(server.url, folder), PROMPTS[:1])
    assert set(server.keys) == {None}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-s\nt\u00e9")
    with pytest.raises(ModelError, match="holds characters that no key has"):
        all_of(model_at(server.url, folder), PROMPTS[:1])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\n")
    model = model_at(server.url, folder)
    all_of(model, PROMPTS[:1])
    assert server.keys[-1] == "Bearer sk-secret"
    assert "sk-secret" not in repr(model)
    server.failing = lambda body, before: 401
    with pytest.raises(ModelError, match="refuses the key") as refused:
        all_of(model, PROMPTS[:1])
    assert "sk-secret" not in str(refused.value)


def test_what_was_answered_before_a_failure_is_given_first(server: Served, folder: str) -> None:
    server.failing = lambda body, before: 400 if len(server.asked) >= 5 else None
    made: list[int] = []
    batches = complete(model_at(server.url, folder, requests=1), PROMPTS)
    with pytest.raises(ModelError, match="HTTP 400"):
        made.extend(index for batch in batches for index in batch)
    assert made == [0, 1, 2, 3, 4]


def test_the_revision_tells_servers_and_tokenizers_apart(folder: str, tmp_path: Path) -> None:
    other = str(save_tiny(tmp_path / "other", "llama", WORDS, seed=9))
    places = [("http://a/v1", folder), ("http://b/v1", folder), ("http://a/v1", other)]
    assert len({served_model(source, Server(url)).revision for url, source in places}) == 3
