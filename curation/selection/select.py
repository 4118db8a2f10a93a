"""Selecting: a recipe, then the decisions of people, over all traces of a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.selection import why
from curation.selection.choose import Bools, Choice, Pool, choose
from curation.selection.pool import read_pool
from curation.selection.recipes import Recipe, kept_count
from curation.selection.resolve import resolve
from curation.store.catalogue import Catalogue
from curation.store.verdicts import KEEP, VETO, Codes, Verdicts, verdicts_of, verdicts_up_to


@dataclass(frozen=True)
class Counts:
    """How many traces went which way; kept + pruned + vetoed_by_hand = traces.

    Attributes:
        traces: All traces of the project.
        kept: Selected in the end.
        pruned: Left out by the recipe and not brought back by hand.
        vetoed_by_hand: Left out by a person, whatever the recipe says.
        kept_by_hand: Selected by a person, whatever the recipe says.
        conflicts: Decisions that overturn the recipe.
        not_scored: Without a score that the recipe reads.
    """

    traces: int
    kept: int
    pruned: int
    vetoed_by_hand: int
    kept_by_hand: int
    conflicts: int
    not_scored: int


@dataclass(frozen=True, eq=False)
class Selection:
    """For every trace of a project: in or out, and why.

    Attributes:
        recipe: With run, score and group filled in.
        decision_number: The last decision that was applied; 0 before the first.
        pool: What the recipe read.
        choice: What the recipe alone says.
        verdicts: (traces,) codes of what people decided (`store.verdicts`).
        reasons: Why, by trace id, where that was read.
        selected: (traces,) whether each trace of `trace_ids` is in.
        counts: How many went which way.
    """

    recipe: Recipe
    decision_number: int
    pool: Pool
    choice: Choice
    verdicts: Codes
    reasons: Mapping[str, str]
    selected: Bools
    counts: Counts

    @property
    def trace_ids(self) -> tuple[str, ...]:
        """All traces of the project, sorted; every array is aligned with it."""
        return tuple(self.pool.trace_ids)

    @property
    def selected_ids(self) -> tuple[str, ...]:
        """The traces that are in, sorted."""
        return tuple(
            trace_id for trace_id, is_in in zip(self.trace_ids, self.selected.tolist(), strict=True) if is_in
        )

    @cached_property
    def why(self) -> list[str]:
        """One sentence for each trace, written at first use."""
        every = np.arange(len(self.trace_ids))
        return why.sentences(self.recipe, self.pool, self.choice, self.verdicts, self.reasons, every)

    def why_of(self, index: int, reason: str = "") -> str:
        """The sentence of one trace; `reason` is that of its decision."""
        reasons = {self.trace_ids[index]: reason}
        return why.sentences(self.recipe, self.pool, self.choice, self.verdicts, reasons, np.array([index]))[
            0
        ]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the counts should know, as sentences."""
        return why.notes(self.recipe, self.pool, self.choice, kept_count(self.recipe, self.counts.traces))


def select(catalogue: Catalogue, recipe: Recipe, *, decision_number: int | None = None) -> Selection:
    """Apply a recipe to all traces, then the decisions: a veto beats the recipe, and so does a keep.

    Args:
        catalogue: The project; refresh it first to see the newest decisions.
        recipe: What to keep.
        decision_number: Apply decisions up to this one; all that the catalogue holds if None.

    Raises:
        SelectionError: No run holds what the recipe reads.
    """
    recipe = resolve(catalogue, recipe)
    pool = read_pool(catalogue, recipe)
    verdicts = (
        verdicts_of(catalogue) if decision_number is None else verdicts_up_to(catalogue, decision_number)
    )
    reasons = reasons_of(catalogue, verdicts.number)
    return assemble(recipe, pool, choose(recipe, pool), verdicts, reasons)


def assemble(
    recipe: Recipe, pool: Pool, choice: Choice, verdicts: Verdicts, reasons: Mapping[str, str]
) -> Selection:
    """The selection from what was read and chosen, for who has that already and only decisions are new.

    Args:
        recipe: Resolved; the pool was read for it.
        pool: See `read_pool`.
        choice: What the recipe chooses of it.
        verdicts: What people decided.
        reasons: Why, by trace id; empty where nobody asks for `why`.
    """
    kept, vetoed = verdicts.codes == KEEP, verdicts.codes == VETO
    selected = (choice.kept | kept) & ~vetoed
    counts = Counts(
        traces=len(pool.trace_ids),
        kept=int(selected.sum()),
        pruned=int((~selected & ~vetoed).sum()),
        vetoed_by_hand=int(vetoed.sum()),
        kept_by_hand=int(kept.sum()),
        conflicts=int((selected != choice.kept).sum()),
        not_scored=int((~choice.scored).sum()),
    )
    return Selection(recipe, verdicts.number, pool, choice, verdicts.codes, reasons, selected, counts)


def reasons_of(catalogue: Catalogue, number: int) -> dict[str, str]:
    """Why people decided what holds after a decision, by trace id."""
    rows = catalogue.rows(
        """SELECT trace_id, coalesce(nullif(reason, ''), note, '') FROM decisions
           WHERE number <= ? AND start IS NULL QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY number DESC) = 1""",
        [number],
    )
    return dict(rows)
