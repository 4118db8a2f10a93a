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
        verdicts: Trace id -> (keep or veto, reason), for traces of the pool.
        selected: (traces,) whether each trace of `trace_ids` is in.
        counts: How many went which way.
    """

    recipe: Recipe
    decision_number: int
    pool: Pool
    choice: Choice
    verdicts: Mapping[str, tuple[str, str]]
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
        return why.sentences(self.recipe, self.pool, self.choice, self.verdicts)

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
    number, verdicts = read_verdicts(catalogue, decision_number)
    return assemble(recipe, read_pool(catalogue, recipe), number, verdicts)


def assemble(
    recipe: Recipe, pool: Pool, decision_number: int, verdicts: Mapping[str, tuple[str, str]]
) -> Selection:
    """The selection from what was read, for who changes `keep` often and reads the pool once.

    Args:
        recipe: Resolved; the pool was read for it.
        pool: See `read_pool`.
        decision_number: The last decision in `verdicts`; see `read_verdicts`.
        verdicts: Trace id -> (keep or veto, reason).
    """
    choice = choose(recipe, pool)
    kept, vetoed = _by_hand(pool, verdicts)
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
    return Selection(recipe, decision_number, pool, choice, verdicts, selected, counts)


def read_verdicts(catalogue: Catalogue, number: int | None = None) -> tuple[int, dict[str, tuple[str, str]]]:
    """The last decision up to a number, and what holds then for each trace that is kept or vetoed by hand."""
    last = catalogue.rows(
        "SELECT coalesce(max(number), 0) FROM decisions WHERE number <= coalesce(?, number)", [number]
    )
    rows = catalogue.rows(
        """SELECT trace_id, verdict, coalesce(nullif(reason, ''), note, '') FROM decisions
           WHERE number <= ? AND start IS NULL QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY number DESC) = 1""",
        [last[0][0]],
    )
    held = {trace_id: (verdict, reason) for trace_id, verdict, reason in rows if verdict in ("keep", "veto")}
    return int(last[0][0]), held


def _by_hand(pool: Pool, verdicts: Mapping[str, tuple[str, str]]) -> tuple[Bools, Bools]:
    """(kept, vetoed) by hand, aligned with the pool."""
    kept, vetoed = np.zeros((2, len(pool.trace_ids)), dtype=bool)
    if verdicts:
        for index, trace_id in enumerate(pool.trace_ids):
            if trace_id in verdicts:
                (kept if verdicts[trace_id][0] == "keep" else vetoed)[index] = True
    return kept, vetoed
