"""What came of one training."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trial:
    """One training, measured.

    Attributes:
        name: The recipe as it was asked for.
        seed: Of the order of traces, of first weights, and of the draw by a random recipe.
        traces: How many it was trained on.
        steps: Optimiser steps that were taken.
        log_likelihood: See `measure.Measured`.
        accuracy: See `measure.Measured`.
        graded: See `measure.Measured`.
        keep: Share of all traces that was asked for; None in a file from before it was kept.
        tokens: Completion tokens of what it was trained on, as a run counted them; None where none did.
        seconds: What training and measuring took; 0 where it was not kept. It says nothing about the result.
    """

    name: str
    seed: int
    traces: int
    steps: int
    log_likelihood: float
    accuracy: float | None
    graded: int
    keep: float | None = None
    tokens: int | None = None
    seconds: float = field(default=0.0, compare=False)
