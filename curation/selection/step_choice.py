"""How many of a recipe's steps leave the loss: a share of the tokens, with what people decided left alone."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.selection.step_order import Step, StepOrder
from curation.store.columns import Floats
from curation.store.frame import Bools, Ints
from curation.store.step_values import Spans, StepDecisions

# What sums of tokens may be off by.
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, eq=False)
class StepPool:
    """The steps of some traces that a recipe may veto: what a share is taken of.

    Attributes:
        order: The recipe's steps.
        inside: (T,) the traces that are asked for.
        places: (P,) which of the order's steps are theirs, the worst first.
        ends: (P,) completion tokens of each step and all that are worse.
        decided: (P,) whether somebody has decided on it.
        vetoed: The steps of these traces that carry no loss already.
    """

    order: StepOrder
    inside: Bools
    places: Ints
    ends: Floats
    decided: Bools
    vetoed: Spans

    @property
    def traces(self) -> int:
        """How many traces are asked for."""
        return int(np.count_nonzero(self.inside))

    @cached_property
    def considered(self) -> int:
        """How many of them have steps that may be vetoed."""
        return int(np.count_nonzero(self.inside & self.order.has_steps))

    @cached_property
    def tokens(self) -> float:
        """Their completion tokens, with and without steps."""
        return float(self.order.trace_tokens[self.inside].sum())

    @cached_property
    def first_and_last(self) -> tuple[int, int]:
        """How many of the steps are the first of their trace, and how many the last."""
        return _first_and_last(self.order, self.places)

    def choose(self, share: float) -> "StepChoice":
        """The worst steps that have up to a share of the tokens together.

        What is decided already counts towards the share, so that the same again vetoes nothing more.
        """
        count = int(np.searchsorted(self.ends, share * self.tokens * _ROUNDING, side="right"))
        open_ = self.places[:count][~self.decided[:count]]
        highest = float(self.order.values[self.places[count - 1]]) if count else None
        return StepChoice(self, open_, highest)


@dataclass(frozen=True, eq=False)
class StepChoice:
    """What a recipe vetoes.

    Attributes:
        pool: What it was chosen from.
        places: (N,) which of the order's steps, the worst first.
        highest: The recipe's value up to which it goes; None if it takes nothing.
    """

    pool: StepPool
    places: Ints
    highest: float | None

    @property
    def run_id(self) -> str:
        """The run that was read."""
        return self.pool.order.run_id

    @property
    def score(self) -> str:
        """The name of the score."""
        return self.pool.order.score

    @property
    def considered(self) -> int:
        """How many of the traces that were asked for have steps that may be vetoed."""
        return self.pool.considered

    @cached_property
    def steps(self) -> list[Step]:
        """Trace id, start and stop of each, the worst first."""
        return self.pool.order.steps(self.places)

    @cached_property
    def spans(self) -> Spans:
        """The same as arrays."""
        return self.pool.order.spans[self.places]

    @cached_property
    def trace_indices(self) -> Ints:
        """Which traces they are in, as indices of the frame, ascending."""
        found = np.zeros(len(self.pool.inside), dtype=bool)
        found[self.spans.trace] = True
        return np.flatnonzero(found)

    @property
    def traces(self) -> int:
        """How many traces they are in."""
        return len(self.trace_indices)

    @cached_property
    def tokens(self) -> float:
        """Their completion tokens."""
        return float(self.pool.order.tokens[self.places].sum())

    @property
    def share(self) -> float:
        """Of the completion tokens of all traces that were asked for."""
        return self.tokens / max(1.0, self.pool.tokens)

    @cached_property
    def emptied(self) -> int:
        """How many traces would have no step left that carries loss: trainings leave them out."""
        vetoed, size = self.pool.vetoed, len(self.pool.inside)
        masked = np.bincount(self.spans.trace, self.spans.sizes, size)
        masked += np.bincount(vetoed.trace, vetoed.sizes, size)
        touched = self.trace_indices
        return int(np.count_nonzero(masked[touched] >= self.pool.order.lengths[touched]))

    @cached_property
    def first_and_last(self) -> tuple[int, int]:
        """How many are the first of their trace, and how many the last, which often holds the answer."""
        return _first_and_last(self.pool.order, self.places)


def step_pool(order: StepOrder, inside: Bools, decided: StepDecisions) -> StepPool:
    """What a recipe may veto of some traces.

    Args:
        order: The recipe's steps.
        inside: (T,) the traces.
        decided: What people decided.
    """
    places = np.flatnonzero(inside[order.spans.trace])
    known = np.zeros(len(order.spans), dtype=bool)
    if len(decided.spans):
        found = order.spans[order.by_place].places_of(decided.spans)
        known[order.by_place[found[found >= 0]]] = True
    vetoed = decided.vetoed & inside[decided.spans.trace]
    return StepPool(
        order, inside, places, np.cumsum(order.tokens[places]), known[places], decided.spans[vetoed]
    )


def _first_and_last(order: StepOrder, places: Ints) -> tuple[int, int]:
    spans = order.spans[places]
    last = spans.stop == order.lengths[spans.trace]
    return int(np.count_nonzero(spans.start == 0)), int(np.count_nonzero(last))
