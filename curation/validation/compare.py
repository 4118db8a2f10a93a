"""Comparing recipes with random: means over seeds, paired differences, and how sure they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from curation.validation.arms import RANDOM
from curation.validation.equal_tokens import RANDOM_BY_TOKENS, equal_in_tokens
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
    from scipy.special import stdtrit  # The app reads this module before it has anything to compute.

    differences = [value - other for value, other in zip(values, random, strict=True)]
    mean, count = fmean(differences), len(differences)
    if count < 2:
        return Difference(mean, None, None, count)
    reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * stdev(differences) / math.sqrt(count)
    return Difference(mean, mean - reach, mean + reach, count)


@dataclass(frozen=True)
class Minus:
    """A recipe minus random.

    Attributes:
        log_likelihood: Paired, nats a token.
        accuracy: Paired; None where nothing could be graded.
    """

    log_likelihood: Difference
    accuracy: Difference | None


@dataclass(frozen=True)
class Row:
    """A recipe's line of the table.

    Attributes:
        name: The recipe.
        keep: Share of all traces that was asked for; None where that was not kept.
        traces: Traces of each of its selections.
        tokens: Completion tokens of its selections, the mean over seeds; None where no run has counted them.
        steps: Optimiser steps of each of its trainings.
        log_likelihood: Mean over seeds, nats a token.
        log_likelihood_minus_random: Paired; None for random itself.
        accuracy: Mean over seeds; None where nothing could be graded.
        accuracy_minus_random: Paired; None for random itself, and where nothing could be graded.
        at_equal_tokens: The same differences to random draws of as many tokens; None where there is no such draw.
    """

    name: str
    keep: float | None
    traces: int
    tokens: int | None
    steps: int
    log_likelihood: float
    log_likelihood_minus_random: Difference | None
    accuracy: float | None
    accuracy_minus_random: Difference | None
    at_equal_tokens: Minus | None


def rows_of(trials: Sequence[Trial]) -> list[Row]:
    """The table of trainings at one share that compare, random first and the others as they come.

    A seed in which random was not trained is left out; without any there is no table.
    """
    draws = [one for one in trials if one.name in (RANDOM, RANDOM_BY_TOKENS)]
    random = {one.seed: one for one in draws if one.name == RANDOM}
    rows = []
    for name in dict.fromkeys([RANDOM, *(one.name for one in trials)]):
        own = [one for one in trials if one.name == name and one.seed in random]
        if own and name != RANDOM_BY_TOKENS:
            rows.append(_row(own, random, draws))
    return rows


def _row(own: Sequence[Trial], random: Mapping[int, Trial], draws: Sequence[Trial]) -> Row:
    others = own[0].name != RANDOM
    minus = _minus([(one, random[one.seed]) for one in own]) if others else None
    right = [one.accuracy for one in own if one.accuracy is not None]
    counted = [one.tokens for one in own if one.tokens is not None]
    return Row(
        name=own[0].name,
        keep=own[0].keep,
        traces=own[0].traces,
        tokens=round(fmean(counted)) if len(counted) == len(own) else None,
        steps=own[0].steps,
        log_likelihood=fmean(one.log_likelihood for one in own),
        log_likelihood_minus_random=minus.log_likelihood if minus else None,
        accuracy=fmean(right) if len(right) == len(own) else None,
        accuracy_minus_random=minus.accuracy if minus else None,
        at_equal_tokens=_minus(_by_tokens(own, draws)) if others else None,
    )


def _by_tokens(own: Sequence[Trial], draws: Sequence[Trial]) -> list[tuple[Trial, Trial]]:
    """Each training with the draw of its seed that is nearest in tokens, where one has as many."""
    pairs = []
    for one in own:
        equal = [draw for draw in draws if draw.seed == one.seed and equal_in_tokens(draw.tokens, one.tokens)]
        if equal:
            pairs.append((one, min(equal, key=lambda draw: abs((draw.tokens or 0) - (one.tokens or 0)))))
    return pairs


def _minus(pairs: Sequence[tuple[Trial, Trial]]) -> Minus | None:
    """The paired differences; None without a pair."""
    if not pairs:
        return None
    graded = [
        (own.accuracy, draw.accuracy)
        for own, draw in pairs
        if own.accuracy is not None and draw.accuracy is not None
    ]
    return Minus(
        log_likelihood=paired(
            [own.log_likelihood for own, _ in pairs], [draw.log_likelihood for _, draw in pairs]
        ),
        accuracy=paired([own for own, _ in graded], [draw for _, draw in graded])
        if len(graded) == len(pairs)
        else None,
    )
