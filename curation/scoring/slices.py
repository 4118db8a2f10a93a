"""A slice of the pool: the traces of one shard, tokenised; and the order in which the pool is cut into slices."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import ModelError
from curation.models.encode import Encoded, encode
from curation.models.load import LanguageModel
from curation.store.catalogue import Catalogue
from curation.traces.steps import split_steps

SLICE_CHARACTERS = 2_000_000
SLICE_TRACES = 512
# A text with more characters a position than any token of a usual tokenizer has is not even tokenised.
CHARACTERS_A_TOKEN = 256


@dataclass(frozen=True)
class Slice:
    """P traces of similar length, ready for the model.

    Attributes:
        trace_ids: Those that can be scored.
        encoded: Their tokens.
        steps: Their steps, as character spans of the response.
        responses: Their responses.
        unscored: Those that cannot, each with the reason.
        characters: Length of all texts, for the progress.
    """

    trace_ids: list[str]
    encoded: list[Encoded]
    steps: list[list[tuple[int, int]]]
    responses: list[str]
    unscored: list[tuple[str, str]]
    characters: int


def cut(catalogue: Catalogue) -> list[list[tuple[str, int]]]:
    """Cut the pool into slices of (trace_id, characters), shortest traces first; the same pool, the same slices."""
    slices: list[list[tuple[str, int]]] = []
    room = 0
    for trace_id, length in catalogue.rows(
        "SELECT trace_id, length(prompt) + length(response) + length(system) AS n FROM traces ORDER BY n, trace_id"
    ):
        if not slices or len(slices[-1]) == SLICE_TRACES or room < length:
            slices.append([])
            room = SLICE_CHARACTERS
        slices[-1].append((trace_id, length))
        room -= length
    return slices


def read_slice(
    catalogue: Catalogue,
    model: LanguageModel,
    trace_ids: Sequence[str],
    *,
    template: str,
    max_tokens: int,
    ordered: bool = False,
) -> Slice:
    """Fetch and tokenise some traces; one that is too long or cannot be rendered is set aside with its reason.

    They come in the order of their ids, or as asked for if `ordered`.
    """
    limit = min(max_tokens or model.max_tokens, model.max_tokens)
    rows = catalogue.rows(
        "SELECT trace_id, prompt, response, system FROM traces WHERE trace_id IN (SELECT unnest($1)) ORDER BY trace_id",
        [list(trace_ids)],
    )
    if ordered:
        places = {trace_id: place for place, trace_id in enumerate(trace_ids)}
        rows.sort(key=lambda row: places[row[0]])
    part = Slice([], [], [], [], [], sum(len(text) for _, *texts in rows for text in texts))
    for trace_id, prompt, response, system in rows:
        length = len(prompt) + len(response) + len(system)
        if length > limit * CHARACTERS_A_TOKEN:
            part.unscored.append((trace_id, f"{length:,} characters are more than {limit:,} tokens"))
            continue
        try:
            one = encode(model.tokenizer, prompt, response, template=template, system=system)
        except ModelError as error:
            part.unscored.append((trace_id, str(error)))
            continue
        if len(one) > limit:
            part.unscored.append((trace_id, f"{len(one):,} tokens are more than {limit:,}"))
        elif not one.completion_length:
            part.unscored.append((trace_id, "the response has no token"))
        else:
            part.trace_ids.append(trace_id)
            part.encoded.append(one)
            part.steps.append(split_steps(response))
            part.responses.append(response)
    return part
