"""How answers are drawn: the most likely tokens, or several samples at a temperature."""

import hashlib
from dataclasses import dataclass

from curation.errors import ModelError


@dataclass(frozen=True)
class Sampling:
    """How many answers a problem gets, and how their tokens are chosen.

    Attributes:
        samples: Answers a problem.
        temperature: Logits are divided by it before a token is drawn; 0 takes the most likely token.
        top_p: Drawn are only the likeliest tokens that together have this probability (1904.09751).
        seed: The same seed draws the same answers.
    """

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ModelError: A number is out of its range, or samples would all be the same.
        """
        if self.samples < 1:
            raise ModelError("The number of samples must be at least 1.")
        if not 0 <= self.temperature < float("inf"):
            raise ModelError(f"A temperature of {self.temperature} draws nothing; use 0 or more.")
        if not 0 < self.top_p <= 1:
            raise ModelError(f"top-p is {self.top_p}; give a probability above 0 and up to 1.")
        if self.samples > 1 and self.greedy:
            raise ModelError("Samples at temperature 0 are all the same; use a temperature above 0.")

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0

    def seed_of(self, problem_id: str, sample: int) -> int:
        """The seed of one answer, 31 bits: it depends on nothing else that is asked."""
        digest = hashlib.sha256(f"{self.seed} {problem_id} {sample}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


GREEDY = Sampling()
