"""Recipes for steps: which of them leave the loss while their traces stay."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import SelectionError
from curation.selection.resolve import DEFAULT_GROUPS
from curation.selection.step_choice import StepChoice, step_pool
from curation.selection.step_order import step_order
from curation.store.catalogue import Catalogue
from curation.store.frame import as_ids, frame_of
from curation.store.step_values import step_decisions

# Word for word what each recipe vetoes.
STEP_RECIPES = {
    "influence": "the steps with the lowest influence on one group of queries",
    "grace": "the steps least in line with the answer and with the steps before them",
    "segments": "unimportant segments: weak in attribution, or pulling one way; all of them if no share is given",
}
SHARE = 0.1
_NAMES = {"grace": "grace", "segments": "segment-strength"}


@dataclass(frozen=True)
class StepRecipe:
    """Which steps to veto.

    Attributes:
        name: One of `STEP_RECIPES`.
        share: Of the completion tokens of the traces at most; `SHARE` if None, but for segments, which then go by the
            paper's rule.
        group: For influence, the group of queries; `gold` where the run has it, else `correct`, if None.
        run_id: The run whose steps it reads; the newest that has them if None.

    Raises:
        SelectionError: The recipe is unknown, or a setting does not fit it.
    """

    name: str
    share: float | None = None
    group: str | None = None
    run_id: str | None = None

    def __post_init__(self) -> None:
        if self.name not in STEP_RECIPES:
            raise SelectionError(
                f"There is no recipe {self.name!r} for steps; use one of {', '.join(STEP_RECIPES)}."
            )
        if self.share is not None and not 0 < self.share <= 1:
            raise SelectionError(f"The share is {self.share}; give one above 0 and up to 1.")
        if self.group and self.name != "influence":
            raise SelectionError(f"Recipe {self.name} takes no group of queries.")

    @property
    def most(self) -> float:
        """The share of the completion tokens that it vetoes at most."""
        return self.share or (1.0 if self.name == "segments" else SHARE)


def recipe_of_score(score: str) -> StepRecipe | None:
    """The recipe that reads a score by step; None where none does."""
    family, _, group = score.partition("/")
    if family == "influence" and group:
        return StepRecipe("influence", group=group)
    return next((StepRecipe(name) for name, read in _NAMES.items() if read == score), None)


def choose_steps(catalogue: Catalogue, recipe: StepRecipe, trace_ids: Sequence[str]) -> StepChoice:
    """Choose the steps of some traces that leave the loss; what people decided on a step stands.

    Args:
        catalogue: The project.
        recipe: Which steps.
        trace_ids: Whose.

    Raises:
        SelectionError: No run has what the recipe reads.
    """
    order = step_order(catalogue, recipe.name, *_run_of(catalogue, recipe))
    inside = frame_of(catalogue).mask(as_ids(trace_ids))
    return step_pool(order, inside, step_decisions(catalogue)).choose(recipe.most)


def _run_of(catalogue: Catalogue, recipe: StepRecipe) -> tuple[str, str]:
    """The run and the score that a recipe reads.

    Raises:
        SelectionError: There is none.
    """
    groups = [recipe.group] if recipe.group else DEFAULT_GROUPS
    wanted = (
        [f"influence/{group}" for group in groups] if recipe.name == "influence" else [_NAMES[recipe.name]]
    )
    rows = catalogue.rows(
        """SELECT r.run_id, s.name FROM run r JOIN
           (SELECT DISTINCT run_id, name FROM steps WHERE value IS NOT NULL AND name IN (SELECT unnest($1))) s
           USING (run_id) WHERE $2 IS NULL OR r.run_id = $2
           ORDER BY r.finished DESC NULLS LAST, r.run_id DESC, list_position($1, s.name)""",
        [wanted, recipe.run_id],
    )
    if not rows:
        where = f"Run {recipe.run_id}" if recipe.run_id else "No run"
        family = "segments" if recipe.name == "segments" else recipe.name
        raise SelectionError(
            f"{where} has {' or '.join(wanted)} by step; `curation score --scores all,{family} --steps all` makes one that has."
        )
    return str(rows[0][0]), str(rows[0][1])
