"""Answers of a model, the most likely ones or drawn, in batches padded on the left."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from curation.models.draw import Draw
from curation.models.encode import encode
from curation.models.load import LanguageModel
from curation.models.sampling import GREEDY, Sampling

MAX_NEW_TOKENS = 512
TOKEN_BUDGET = 32_768


@dataclass(frozen=True)
class Prompt:
    """What a model is asked; `system` is its system message, "" where there is none."""

    text: str
    system: str = ""


@dataclass(frozen=True)
class Generated:
    """What a model said.

    Attributes:
        completion: Its text, without the end-of-sequence token.
        tokens: How many tokens it made, the end of the sequence included.
        finished: Whether it ended on its own, rather than at the limit.
    """

    completion: str
    tokens: int
    finished: bool


def generate(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    *,
    template: str = "auto",
    max_new_tokens: int = MAX_NEW_TOKENS,
    token_budget: int = TOKEN_BUDGET,
    skip: Collection[int] = (),
    sampling: Sampling = GREEDY,
    seeds: Sequence[int] = (),
) -> Iterator[dict[int, Generated]]:
    """Let a model complete each prompt once, whatever its own generation settings say.

    A prompt's tokens are those that scoring sees. Where prompt and completion would not fit into the model's
    positions, the completion is limited to what is left of them; a prompt that leaves none gets an empty one.

    Args:
        model: The model.
        prompts: What it is asked.
        template: How a prompt becomes text (see `store.project.Project`).
        max_new_tokens: Limit of a completion.
        token_budget: Rows x tokens of a batch, completions at their limit.
        skip: Indices that are not wanted. The batches are the same with and without them, so that a
            continued job sees what an undisturbed one would have.
        sampling: How tokens are chosen.
        seeds: Where tokens are drawn, one a prompt. The random state of torch is neither read nor changed.

    Yields:
        For each batch, index of the prompt -> what the model said; shortest prompts first.
    """
    ids = [
        encode(model.tokenizer, prompt.text, "", template=template, system=prompt.system)
        for prompt in prompts
    ]
    rows = [list(one.ids[: one.prompt_length]) for one in ids]
    limits = [max(0, min(max_new_tokens, model.max_tokens - len(row))) for row in rows]
    for indices in _batches(rows, limits, token_budget):
        wanted = [index for index in indices if index not in skip]
        if wanted:
            limit = limits[indices[0]]
            draw = None if sampling.greedy else Draw(sampling, [seeds[index] for index in indices], limit)
            said = _complete(model, [rows[index] for index in indices], limit, draw)
            yield {index: one for index, one in zip(indices, said, strict=True) if index in wanted}


def _batches(rows: list[list[int]], limits: list[int], token_budget: int) -> list[list[int]]:
    """Prompts of similar length and the same limit side by side, so that no neighbour shortens a completion."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: (len(rows[i]), i)):
        tokens = len(rows[index]) + limits[index]
        fits = batches and (len(batches[-1]) + 1) * tokens <= token_budget
        if fits and limits[batches[-1][0]] == limits[index]:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _complete(model: LanguageModel, rows: list[list[int]], limit: int, draw: Draw | None) -> list[Generated]:
    """Complete one batch of token ids."""
    if limit == 0:
        return [Generated("", 0, False)] * len(rows)
    ends = _end_tokens(model)
    padding = model.tokenizer.pad_token_id
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), padding if padding is not None else next(iter(ends), 0))
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, longest - len(row) :] = torch.tensor(row)
        mask[place, longest - len(row) :] = 1
    with _greedy(model.module, ids, ends, limit) as settings, torch.inference_mode():
        module: Any = model.module
        made: Tensor = module.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            generation_config=settings,
            logits_processor=[draw] if draw else [],
        )
    return [_read(model.tokenizer, row, ends) for row in made[:, longest:].tolist()]


def _end_tokens(model: LanguageModel) -> set[int]:
    """Every token after which the model is done: the tokenizer's, and those that the model itself names."""
    named = getattr(getattr(model.module, "generation_config", None), "eos_token_id", None)
    ends = {*(named if isinstance(named, list) else [named]), model.tokenizer.eos_token_id}
    return {int(end) for end in ends if end is not None}


@contextmanager
def _greedy(module: Any, ids: Tensor, ends: set[int], limit: int) -> Iterator[Any]:
    """Settings that take the most likely token, with the model's own (penalties, sampling) out of the way."""
    from transformers import GenerationConfig

    before = module.generation_config
    module.generation_config = GenerationConfig()
    try:
        yield GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=limit,
            eos_token_id=sorted(ends) or None,
            pad_token_id=int(ids[0, 0]) if not ends else min(ends),
        )
    finally:
        module.generation_config = before


def _read(tokenizer: Any, row: list[int], ends: set[int]) -> Generated:
    length = next((place for place, token in enumerate(row) if token in ends), None)
    tokens = row if length is None else row[:length]
    text = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Generated(text, len(tokens) + (length is not None), length is not None)
