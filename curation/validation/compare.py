"""Comparing recipes with random: means over seeds, paired differences, and how sure they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t as student

from curation.validation.arms import RANDOM
from curation.validation.trial import Trial

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences, with its 95% t-interval.

    Attributes:
        mean: Mean over seeds of the recipe's value minus random's.
        low: Lower end of the interval; None with fewer than two seeds.
        high: Upper end.
        seeds: How many pairs.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def words(self) -> str:
        """What may be said of it."""
        if self.low is None or self.high is None:
            return "one seed: nothing can be said of chance"
        if self.low > 0:
            verdict = "better than random"
        elif self.high < 0:
            verdict = "worse than random"
        else:
            verdict = "not told apart from random"
        return verdict if self.seeds > 2 else f"{verdict}, on two seeds"


def paired(values: Sequence[float], random: Sequence[float]) -> Difference:
    """The mean of values minus random, seed by seed, with the t-interval on n - 1 degrees of freedom.

    Both carry the same training seed at the same place; random also draws its traces by it.
    """
    differences = [value - other for value, other in zip(values, random, strict=True)]
    mean, count = fmean(differences), len(differences)
    if count < 2:
        return Difference(mean, None, None, count)
    reach = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * stdev(differences) / math.sqrt(count)
    return Difference(mean, mean - reach, mean + reach, count)


@dataclass(frozen=True)
class Row:
    """A recipe's line of the table.

    Attributes:
        name: The recipe.
        traces: Traces of each of its selections.
        steps: Optimiser steps of each of its trainings.
        log_likelihood: Mean over seeds, nats a token.
        log_likelihood_minus_random: Paired; None for random itself.
        accuracy: Mean over seeds; None where nothing could be graded.
        accuracy_minus_random: Paired; None for random itself, and where nothing could be graded.
    """

    name: str
    traces: int
    steps: int
    log_likelihood: float
    log_likelihood_minus_random: Difference | None
    accuracy: float | None
    accuracy_minus_random: Difference | None


def row_of(name: str, own: Sequence[Trial], random: Sequence[Trial]) -> Row:
    """A recipe's line from its trainings and random's, one a seed in the same order."""
    right, by_lot = ([one.accuracy for one in group if one.accuracy is not None] for group in (own, random))
    graded = len(right) == len(own)
    others = name != RANDOM
    likelihood = [one.log_likelihood for one in own]
    by_chance = [one.log_likelihood for one in random]
    return Row(
        name=name,
        traces=own[0].traces,
        steps=own[0].steps,
        log_likelihood=fmean(likelihood),
        log_likelihood_minus_random=paired(likelihood, by_chance) if others else None,
        accuracy=fmean(right) if graded else None,
        accuracy_minus_random=paired(right, by_lot) if graded and others else None,
    )
