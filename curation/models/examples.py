"""What a training reads of a trace: its tokens, and which of them carry loss."""

from collections.abc import Sequence
from typing import Any

from curation.errors import ModelError
from curation.models.encode import encode, masked_tokens
from curation.models.train_settings import TrainSettings
from curation.models.trainer import IGNORED, Example
from curation.traces.trace import Trace


def examples_of(tokenizer: Any, traces: Sequence[Trace], template: str, longest: int) -> list[Example | None]:
    """Tokens and labels of each trace, as scoring reads it, cut off at `longest`; None where nothing is left to learn.

    Raises:
        ModelError: There is nothing to learn from any of them.
    """
    examples = [_example(tokenizer, trace, template, longest) for trace in traces]
    if not any(examples):
        raise ModelError(
            f"Of {len(traces)} traces given, none can be trained on (a prompt has to be under {longest} tokens, and to have a completion whose steps are not all vetoed); "
            "ingest some, or choose a selection that keeps some."
        )
    return examples


def _example(tokenizer: Any, trace: Trace, template: str, longest: int) -> Example | None:
    encoded = encode(tokenizer, trace.prompt, trace.response, template=template, system=trace.system)
    ids = list(encoded.ids)
    labels = [IGNORED] * encoded.prompt_length + ids[encoded.prompt_length :]
    for place in masked_tokens(encoded.starts, trace.masked, len(trace.response)):
        labels[encoded.prompt_length + place] = IGNORED
    if all(label == IGNORED for label in labels[:longest]):
        return None
    return {"input_ids": ids[:longest], "labels": labels[:longest]}


def longest_of(network: Any, settings: TrainSettings) -> int:
    """Tokens after which a trace is cut off: the settings' limit, or the model's own."""
    return min(settings.max_tokens, int(getattr(network.config, "max_position_embeddings", None) or 2**31))
