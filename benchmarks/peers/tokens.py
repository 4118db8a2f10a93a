"""The input that every compared engine is given: token ids, and where each completion begins."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """A trace or a query; its loss is the sum of cross-entropy, in nats, over the tokens of its completion.

    Attributes:
        ids: Token ids, prompt and completion, without padding.
        prompt_length: Number of ids before the completion. The token at each position from here on is predicted from
            the position before it; one at position 0 has none and carries no loss.
    """

    ids: list[int]
    prompt_length: int

    @property
    def labels(self) -> list[int]:
        """The ids with -100 over the prompt, unshifted: what a causal language model's loss expects."""
        return [-100] * self.prompt_length + self.ids[self.prompt_length :]


@dataclass(frozen=True)
class Tokens:
    """What is scored, and the named groups of queries that it is scored for."""

    traces: list[Sample]
    groups: dict[str, list[Sample]]


def load(path: Path) -> Tokens:
    """Read {"traces": [{"ids": [int], "prompt_length": int}, ...], "groups": {name: [the same], ...}}."""
    found = json.loads(path.read_text())
    groups = {name: _samples(rows) for name, rows in found["groups"].items()}
    return Tokens(_samples(found["traces"]), groups)


def _samples(rows: list[dict[str, object]]) -> list[Sample]:
    return [Sample(**row) for row in rows]  # type: ignore[arg-type]
