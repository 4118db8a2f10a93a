"""What a trace is, and its id: a hash of its normalised content."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trace:
    """One chain-of-thought trace: a prompt and the response that a model would learn.

    Attributes:
        prompt: What is asked.
        response: The reasoning and the answer, exactly as the model would be trained on them.
        answer: The final answer alone where the source names one; "" otherwise.
        system: The system message; "" where there is none.
        metadata: Every other column of the source row, as plain JSON values.
        source: File or dataset that the row came from.
        source_row: Its line in a file, or its index in a dataset, counted from 1.
        masked: Start and stop, in characters of the response, of what carries no loss in training: its vetoed steps, as
            `selection.masks` has them.
    """

    prompt: str
    response: str
    answer: str = ""
    system: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    source_row: int = 0
    masked: tuple[tuple[int, int], ...] = ()

    @property
    def trace_id(self) -> str:
        """16 hex digits of the hash of what the model would learn: system, prompt and response.

        Source, answer, metadata and masks stay out of it, so the same trace found twice is one trace and a
        decision on it survives a new ingest.
        """
        return content_id(self.system, self.prompt, self.response)


def content_id(*parts: str) -> str:
    """Hash texts into 16 hex digits, blind to Unicode form, line endings and surrounding white space.

    Raises:
        UnicodeEncodeError: A text holds a lone surrogate, which is no valid Unicode.
    """
    normalised = [unicodedata.normalize("NFC", part.replace("\r\n", "\n")).strip() for part in parts]
    return hashlib.sha256(json.dumps(normalised, ensure_ascii=False).encode()).hexdigest()[:16]
