"""What came of one training."""

from dataclasses import dataclass


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
    """

    name: str
    seed: int
    traces: int
    steps: int
    log_likelihood: float
    accuracy: float | None
    graded: int
