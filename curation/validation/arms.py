"""Arms: the selections that are trained on and compared, with the same number of traces or the same number of tokens."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from curation.errors import ScoringError
from curation.selection.choose import Floats, choose
from curation.selection.masks import Spans, masks_of
from curation.selection.pool import read_pool
from curation.selection.recipes import Recipe, kept_count, score_names
from curation.selection.resolve import resolve
from curation.selection.select import Selection, assemble
from curation.selection.traces import read_traces
from curation.store.catalogue import Catalogue
from curation.store.verdicts import verdicts_of
from curation.traces.trace import Trace

RANDOM = "random"


@dataclass(frozen=True)
class Arm:
    """A selection by one recipe.

    Attributes:
        name: The recipe as it was asked for, as in "influence:gold".
        recipe: With run, score, group and count filled in; None where the traces are simply given.
        trace_ids: What it selects, decisions applied, sorted.
        keep: Share of all traces that was asked for.
        tokens: Completion tokens of what it selects; None where no run has counted them.
        masks: What carries no loss in its traces: their vetoed steps, by trace id.
        forget_ids: What is unlearned beside it, sorted.
    """

    name: str
    recipe: Recipe | None
    trace_ids: tuple[str, ...]
    keep: float | None = None
    tokens: int | None = None
    masks: Mapping[str, Spans] = field(default_factory=dict)

    forget_ids: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """12 hex digits of the hash of what is learned from, less what is masked of it, and of what is unlearned."""
        masked = [f"{one} {[tuple(span) for span in self.masks[one]]}" for one in sorted(self.masks)]
        held = [*self.trace_ids, *masked, *(["forget", *self.forget_ids] if self.forget_ids else [])]
        return hashlib.sha256("\n".join(held).encode()).hexdigest()[:12]

    @property
    def groups(self) -> set[str]:
        """The query groups that the recipe looked at."""
        if self.recipe is None:
            return set()
        named = {name.partition("/")[2] for name in score_names(self.recipe)} - {""}
        return named | ({self.recipe.group} if self.recipe.group else set())


def make_arm(catalogue: Catalogue, name: str, recipe: Recipe, tokens: Floats | None = None) -> Arm:
    """Select with a recipe so that as many traces as it asks for are left once the decisions are applied.

    Where people vetoed what the recipe keeps, it reaches further down its own ranking; where they kept what it
    prunes, less far.

    Args:
        catalogue: The project.
        name: The recipe as it was asked for.
        recipe: What to select.
        tokens: (T,) completion tokens of each trace, where they are known.

    Raises:
        SelectionError: No run holds what the recipe reads.
        ScoringError: It selects nothing.
    """
    resolved = resolve(catalogue, recipe)
    made, traces = selections(catalogue, resolved)
    wanted = kept_count(resolved, traces)
    selection = made(bisect_left(range(traces), wanted, key=lambda count: made(count).counts.kept))
    if not selection.selected_ids:
        raise ScoringError(f"Recipe {name} selects no trace to train on; keep a larger share.")
    return arm_of(catalogue, name, selection, recipe.keep, tokens)


def selections(catalogue: Catalogue, resolved: Recipe) -> tuple[Callable[[int], Selection], int]:
    """What a recipe selects by the count that it keeps, decisions applied; and how many traces there are."""
    verdicts = verdicts_of(catalogue)
    pool = read_pool(catalogue, resolved)

    def made(count: int) -> Selection:
        recipe = replace(resolved, keep=None, count=count)
        return assemble(recipe, pool, choose(recipe, pool), verdicts, {})

    return made, len(pool.trace_ids)


def arm_of(
    catalogue: Catalogue, name: str, selection: Selection, keep: float | None, tokens: Floats | None
) -> Arm:
    """The arm that is trained on a selection; steps that people vetoed carry no loss in any arm."""
    total = None if tokens is None else round(float(tokens[selection.selected].sum()))
    masks = masks_of(catalogue, selection)
    return Arm(name, selection.recipe, selection.selected_ids, keep, total, masks)


def make_arms(
    catalogue: Catalogue, names: list[str], keep: float, seeds: int, tokens: Floats | None = None
) -> list[list[Arm]]:
    """The arms of each seed at one share, random first; only random itself differs between seeds.

    Returns:
        (seeds, recipes + 1) arms.
    """
    fixed = [make_arm(catalogue, name, Recipe(name, keep=keep), tokens) for name in names if name != RANDOM]
    return [
        [make_arm(catalogue, RANDOM, Recipe(RANDOM, keep=keep, seed=seed), tokens), *fixed]
        for seed in range(seeds)
    ]


def traces_of(catalogue: Catalogue, arm: Arm) -> list[Trace]:
    """The traces of an arm, in the order of their ids, with what is masked of them."""
    return read_traces(catalogue, arm.trace_ids, arm.masks)
