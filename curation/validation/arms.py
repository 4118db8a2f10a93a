"""Arms: the selections that are trained on and compared, with the same number of traces or the same number of tokens."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from curation.errors import ScoringError
from curation.selection.choose import Floats, choose
from curation.selection.pool import read_pool
from curation.selection.recipes import Recipe, kept_count, score_names
from curation.selection.resolve import resolve
from curation.selection.select import Selection, assemble
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
        forget_ids: What is unlearned beside it, sorted.
    """

    name: str
    recipe: Recipe | None
    trace_ids: tuple[str, ...]
    keep: float | None = None
    tokens: int | None = None
    forget_ids: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """12 hex digits of the hash of what is selected, and of what is unlearned where that is any."""
        held = [*self.trace_ids, *(["forget", *self.forget_ids] if self.forget_ids else [])]
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
    return arm_of(name, selection, recipe.keep, tokens)


def selections(catalogue: Catalogue, resolved: Recipe) -> tuple[Callable[[int], Selection], int]:
    """What a recipe selects by the count that it keeps, decisions applied; and how many traces there are."""
    verdicts = verdicts_of(catalogue)
    pool = read_pool(catalogue, resolved)

    def made(count: int) -> Selection:
        recipe = replace(resolved, keep=None, count=count)
        return assemble(recipe, pool, choose(recipe, pool), verdicts, {})

    return made, len(pool.trace_ids)


def arm_of(name: str, selection: Selection, keep: float | None, tokens: Floats | None) -> Arm:
    """The arm that is trained on a selection."""
    total = None if tokens is None else round(float(tokens[selection.selected].sum()))
    return Arm(name, selection.recipe, selection.selected_ids, keep, total)


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
    """The traces of an arm, in the order of their ids."""
    return texts_of(catalogue, arm.trace_ids)


def texts_of(catalogue: Catalogue, trace_ids: Sequence[str]) -> list[Trace]:
    """Some traces, in the order of their ids."""
    rows = catalogue.rows(
        """SELECT prompt, response, answer, system FROM traces
           WHERE trace_id IN (SELECT unnest($1)) ORDER BY trace_id""",
        [list(trace_ids)],
    )
    return [Trace(prompt, response, answer, system) for prompt, response, answer, system in rows]
