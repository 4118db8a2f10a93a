"""From texts to tokens: what is prompt, what carries loss, and which characters each token stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curation.errors import ModelError


@dataclass(frozen=True)
class Encoded:
    """A prompt and its completion as one sequence of T tokens, C of them completion.

    Attributes:
        ids: (T,) token ids; the completion ends with the end-of-sequence token.
        prompt_length: How many tokens come before the completion; at least 1. They carry no loss.
        starts: (C,) character of the completion at which each of its tokens starts; its length for the
            end-of-sequence token.
        weights: (C,) weight of each completion token's loss; None means all 1.
    """

    ids: tuple[int, ...]
    prompt_length: int
    starts: tuple[int, ...]
    weights: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def completion_length(self) -> int:
        """C, the number of tokens that carry loss."""
        return len(self.ids) - self.prompt_length


def encode(
    tokenizer: Any,
    prompt: str,
    completion: str,
    *,
    template: str = "auto",
    system: str = "",
    token_weights: Sequence[float] | None = None,
) -> Encoded:
    """Tokenise a prompt and its completion, each on its own, so that their border is never inside a token.

    Args:
        tokenizer: A fast tokenizer.
        prompt: What is asked.
        completion: What the model says; the end-of-sequence token is added.
        template: "auto", "plain" or a text with `{prompt}` (see `store.project.Project`).
        system: The system message, if any.
        token_weights: One weight a completion token, with or without the end-of-sequence token's (then 0).

    Raises:
        ModelError: The weights do not fit the tokens, or the chat template refuses the prompt.
    """
    prompt_ids = _prompt_ids(tokenizer, prompt, system, template)
    encoding = tokenizer(completion, add_special_tokens=False, return_offsets_mapping=True)
    ids = list(encoding["input_ids"])
    starts = [start for start, _ in encoding["offset_mapping"]]
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
        starts.append(len(completion))
    weights = None if token_weights is None else _fit(token_weights, len(ids))
    return Encoded((*prompt_ids, *ids), len(prompt_ids), tuple(starts), weights)


def masked_tokens(starts: Sequence[int], masked: Sequence[tuple[int, int]], length: int) -> list[int]:
    """Which completion tokens carry no loss: those that start in a masked span, as step scores count them.

    The end of the sequence belongs to the last step, so it goes with a span that ends where the text does.

    Args:
        starts: (C,) of `Encoded`.
        masked: Start and stop of spans, in characters of the completion.
        length: Of the completion, in characters.
    """
    return [
        place
        for place, start in enumerate(starts)
        if any(begin <= start < stop or (start >= length and stop >= length) for begin, stop in masked)
    ]


def prompt_text(tokenizer: Any, prompt: str, system: str = "", template: str = "auto") -> str:
    """The text that the model sees before the completion.

    Raises:
        ModelError: The model's chat template refuses the messages.
    """
    if template == "auto" and tokenizer.chat_template:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt})
        try:
            return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:
            raise ModelError(
                f'The model\'s chat template refuses a trace ({error}); set template = "plain" in project.toml.'
            ) from error
    if template in ("auto", "plain"):
        return f"{system}\n\n{prompt}\n" if system else f"{prompt}\n"
    # One pass over the template only, so that a {system} inside a prompt stays the text that it is.
    before, _, after = template.partition("{prompt}")
    return before.replace("{system}", system) + prompt + after.replace("{system}", system)


def _prompt_ids(tokenizer: Any, prompt: str, system: str, template: str) -> list[int]:
    """Tokens before the completion; a chat template writes its own special tokens, other texts get the tokenizer's."""
    chat = template == "auto" and bool(tokenizer.chat_template)
    ids = list(
        tokenizer(prompt_text(tokenizer, prompt, system, template), add_special_tokens=not chat)["input_ids"]
    )
    while ids and ids[-1] == tokenizer.eos_token_id and not chat:
        ids.pop()
    if not ids:
        fallback = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        ids = [fallback if fallback is not None else 0]
    return ids


def _fit(weights: Sequence[float], count: int) -> tuple[float, ...]:
    if len(weights) == count - 1:
        weights = [*weights, 0.0]
    if len(weights) != count:
        raise ModelError(
            f"A query has {len(weights)} token weights, but its completion is {count - 1} tokens of this model; "
            "make the weights with this model's tokenizer."
        )
    return tuple(float(weight) for weight in weights)
