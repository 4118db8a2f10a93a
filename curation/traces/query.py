"""What a query is: a completion whose likelihood we care about, in a named group."""

from array import array
from dataclasses import dataclass

from curation.traces.trace import content_id


@dataclass(frozen=True)
class Query:
    """One completion of a group; influence says what a trace does to the group's log-likelihood.

    Attributes:
        group: The group's name: gold, correct, incorrect, or one of your own.
        prompt: What is asked.
        completion: The text whose log-likelihood counts.
        is_correct: Whether the completion is right, where that is known.
        token_weights: One weight a completion token in place of 1, for contrasts; None where all are 1.
        system: The system message; "" where there is none.
    """

    group: str
    prompt: str
    completion: str
    is_correct: bool | None = None
    token_weights: tuple[float, ...] | None = None
    system: str = ""

    @property
    def query_id(self) -> str:
        """16 hex digits of the hash of group, texts and weights: one completion may stand in two groups.

        Weights count as the 32-bit floats that they are stored as.
        """
        weights = "" if self.token_weights is None else array("f", self.token_weights).tobytes().hex()
        return content_id(self.group, self.system, self.prompt, self.completion, weights)
