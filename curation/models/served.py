"""A model behind a server with OpenAI's completions interface (vLLM, SGLang, llama.cpp): asked for text, many at a time."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import ModelError
from curation.models.encode import encode, prompt_text
from curation.models.generate import MAX_NEW_TOKENS, Generated, Prompt
from curation.models.load import fingerprint, load_tokenizer
from curation.models.sampling import GREEDY, Sampling
from curation.models.server import Server, strange
from curation.models.workers import several_at_a_time
from curation.traces.rows import storable

REQUESTS = 16


@dataclass(frozen=True)
class ServedModel:
    """A model that a server answers for.

    Attributes:
        server: Where.
        name: Its name there.
        tokenizer: The tokenizer that it is scored with, which makes the prompt's text.
        revision: The server's address and a hash of what the tokenizer came with: all that is known of the weights.
        requests: How many prompts are asked at a time.
    """

    server: Server
    name: str
    tokenizer: Any
    revision: str
    requests: int = REQUESTS


def served_model(source: str, server: Server, *, name: str = "", requests: int = REQUESTS) -> ServedModel:
    """A model by its folder or hub id, whose weights are elsewhere.

    Args:
        source: Where its tokenizer is loaded from.
        server: Where it is served.
        name: Its name there; `source` if not given.
        requests: How many prompts are asked at a time.

    Raises:
        ModelError: There is no such tokenizer.
    """
    revision = f"{server.url} {fingerprint(Path(source).expanduser())}"
    return ServedModel(server, name or source, load_tokenizer(source), revision, requests)


def complete(
    model: ServedModel,
    prompts: Sequence[Prompt],
    *,
    template: str = "auto",
    max_new_tokens: int = MAX_NEW_TOKENS,
    skip: Collection[int] = (),
    sampling: Sampling = GREEDY,
    seeds: Sequence[int] = (),
) -> Iterator[dict[int, Generated]]:
    """Let a served model complete each prompt once; like `generate`, in the order in which the replies come.

    Nothing is asked where everything is to be skipped. What was answered before a failure is given before it is raised.

    Raises:
        ModelError: The server cannot be reached, does not know the model, or does not answer as it should.
    """
    wanted = [index for index in range(len(prompts)) if index not in skip]
    if not wanted:
        return
    room = _room(model)

    def answer(index: int) -> Generated:
        prompt = _asked(model.tokenizer, prompts[index], template)
        limit = min(max_new_tokens, room - prompt.tokens)
        if limit < 1:
            return Generated("", 0, False)
        body = {"model": model.name, "max_tokens": int(limit), **prompt.fields, **_choosing(sampling)}
        if not sampling.greedy:
            body["seed"] = seeds[index]
        return _read(model, model.server.post("completions", body))

    yield from several_at_a_time(answer, wanted, model.requests)


@dataclass(frozen=True)
class _Prompt:
    """A prompt as it is sent, and its tokens."""

    fields: dict[str, Any]
    tokens: int


def _asked(tokenizer: Any, prompt: Prompt, template: str) -> _Prompt:
    """The prompt's text, and where the server's tokenizer would add to a chat template's tokens, the word not to."""
    text = prompt_text(tokenizer, prompt.text, prompt.system, template)
    encoded = encode(tokenizer, prompt.text, "", template=template, system=prompt.system)
    ids = list(encoded.ids[: encoded.prompt_length])
    fields: dict[str, Any] = {"prompt": text}
    if (
        list(tokenizer(text)["input_ids"])
        != ids
        == list(tokenizer(text, add_special_tokens=False)["input_ids"])
    ):
        fields["add_special_tokens"] = False
    return _Prompt(fields, len(ids))


def _choosing(sampling: Sampling) -> dict[str, Any]:
    """How tokens are chosen; the last two fields are vLLM's, which else takes the model's own generation settings."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": -1,
        "repetition_penalty": 1.0,
    }


def _room(model: ServedModel) -> float:
    """The longest sequence that the server takes, as far as it says.

    Raises:
        ModelError: It does not serve the model.
    """
    listed = model.server.get("models")
    try:
        rows = {str(one["id"]): one for one in listed["data"]}
    except (TypeError, KeyError):
        raise strange(model.server.url, listed) from None
    if model.name not in rows:
        names = ", ".join(sorted(rows)[:10]) or "none"
        raise ModelError(
            f"The server {model.server.url} has no model {model.name} (it has: {names}); "
            "give its name there with --served-name."
        )
    room = rows[model.name].get("max_model_len")
    return room if isinstance(room, int) else math.inf


def _read(model: ServedModel, reply: Any) -> Generated:
    """A completion from a reply."""
    try:
        (choice,) = reply["choices"]
        text, reason = choice["text"], choice["finish_reason"]
    except (TypeError, KeyError, ValueError):
        raise strange(model.server.url, reply) from None
    if not isinstance(text, str) or reason not in ("stop", "length"):
        raise strange(model.server.url, reply)
    text = storable(text)
    usage = reply.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if not isinstance(tokens, int):
        encoded = model.tokenizer(text, add_special_tokens=False)
        tokens = len(encoded["input_ids"]) + (reason == "stop")
    return Generated(text, tokens, reason == "stop")
