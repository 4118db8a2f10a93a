"""Recipes for steps: which of them leave the loss while their traces stay."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.errors import SelectionError
from curation.scoring.important import Floats, important
from curation.selection.resolve import DEFAULT_GROUPS
from curation.store.catalogue import Catalogue
from curation.traces.steps import split_steps

# Trace id, start and stop in characters of the response.
Step = tuple[str, int, int]
# Word for word what each recipe vetoes.
STEP_RECIPES = {
    "influence": "the steps with the lowest influence on one group of queries",
    "grace": "the steps least in line with the answer and with the steps before them",
    "segments": "unimportant segments: weak in attribution, or pulling one way; all of them if no share is given",
}
SHARE = 0.1
_NAMES = {"grace": "grace", "segments": "segment-strength"}
# Steps that carry no loss already, or that somebody let back in: what people decided on a step stands.
_DECIDED = """SELECT trace_id, start, stop FROM (SELECT * FROM decisions WHERE start IS NOT NULL
              QUALIFY row_number() OVER (PARTITION BY trace_id, start, stop ORDER BY number DESC) = 1)
              WHERE verdict = 'veto' OR undoes IS NULL"""


@dataclass(frozen=True)
class StepRecipe:
    """Which steps to veto.

    Attributes:
        name: One of `STEP_RECIPES`.
        share: Of the text of the traces at most; `SHARE` if None, but for segments, which then go by the paper's rule.
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


@dataclass(frozen=True, eq=False)
class Candidates:
    """Steps that a recipe may veto, in the order in which it does.

    Attributes:
        steps: Trace id, start and stop of each.
        values: (S,) what the recipe orders them by, ascending.
    """

    steps: list[Step]
    values: Floats


@dataclass(frozen=True, eq=False)
class StepChoice:
    """What a recipe vetoes.

    Attributes:
        steps: Trace id, start and stop of each, the worst first.
        run_id: The run that it read.
        score: The name of the score.
        traces: How many traces they are in.
        considered: How many traces have steps with that score, of those that were asked for.
        share: Of the text of all traces that were asked for.
        highest: The recipe's value up to which it goes; None if it takes nothing.
    """

    steps: list[Step]
    run_id: str
    score: str
    traces: int
    considered: int
    share: float
    highest: float | None


def choose_steps(catalogue: Catalogue, recipe: StepRecipe, trace_ids: Sequence[str]) -> StepChoice:
    """Choose the steps of some traces that leave the loss; what people decided on a step stands.

    Args:
        catalogue: The project.
        recipe: Which steps.
        trace_ids: Whose.

    Raises:
        SelectionError: No run has what the recipe reads.
    """
    run_id, score = _run_of(catalogue, recipe)
    found = candidates(catalogue, recipe.name, run_id, score, trace_ids)
    sql = "SELECT sum(length(response)) FROM traces WHERE trace_id IN (SELECT unnest($1))"
    text = max(1, int(catalogue.rows(sql, [list(trace_ids)])[0][0] or 0))
    share = recipe.share or (1.0 if recipe.name == "segments" else SHARE)
    sizes = np.array([stop - start for _, start, stop in found.steps], dtype=np.int64)
    # What is decided already counts towards the share, so that the same command twice vetoes nothing more.
    count = int(np.searchsorted(sizes.cumsum(), share * text, side="right"))
    steps = found.steps[:count]
    if recipe.name == "segments":
        steps = _whole_steps(catalogue, steps)
    decided = set(catalogue.rows(_DECIDED))
    steps = [step for step in steps if step not in decided]
    considered = catalogue.rows(
        """SELECT count(DISTINCT trace_id) FROM steps
           WHERE run_id = $1 AND name = $2 AND value IS NOT NULL AND trace_id IN (SELECT unnest($3))""",
        [run_id, score, list(trace_ids)],
    )[0][0]
    return StepChoice(
        steps,
        run_id,
        score,
        len({trace_id for trace_id, _, _ in steps}),
        int(considered),
        sum(stop - start for _, start, stop in steps) / text,
        float(found.values[count - 1]) if count else None,
    )


def _whole_steps(catalogue: Catalogue, segments: Sequence[Step]) -> list[Step]:
    """The steps that segments are made of, in the same order: a reviewer can let back in each of them."""
    ids = sorted({trace_id for trace_id, _, _ in segments})
    sql = "SELECT trace_id, response FROM traces WHERE trace_id IN (SELECT unnest($1))"
    steps = {trace_id: split_steps(response) for trace_id, response in catalogue.rows(sql, [ids])}
    return [
        (trace_id, *span)
        for trace_id, start, stop in segments
        for span in steps[trace_id]
        if start <= span[0] < stop
    ]


def candidates(
    catalogue: Catalogue, name: str, run_id: str, score: str, trace_ids: Sequence[str]
) -> Candidates:
    """The steps that a recipe may veto, worst first; of equal ones, by trace id and place."""
    rows = catalogue.rows(
        """SELECT s.trace_id, s.start, s.stop, s.value, c.value FROM steps s
           LEFT JOIN steps c ON c.run_id = s.run_id AND c.trace_id = s.trace_id AND c.step = s.step
                            AND c.name = 'segment-consistency' AND $2 = 'segment-strength'
           WHERE s.run_id = $1 AND s.name = $2 AND s.value IS NOT NULL AND s.trace_id IN (SELECT unnest($3))
           ORDER BY s.trace_id, s.start""",
        [run_id, score, list(trace_ids)],
    )
    steps = [(str(trace_id), int(start), int(stop)) for trace_id, start, stop, *_ in rows]
    values = np.array([row[3] for row in rows], dtype=np.float64)
    allowed = np.ones(len(rows), dtype=bool)
    if name == "segments":
        consistency = np.array([row[4] for row in rows], dtype=np.float64)
        allowed = ~_important(steps, values, consistency)
    order = [place for place in np.argsort(values, kind="stable").tolist() if allowed[place]]
    return Candidates([steps[place] for place in order], values[order])


def _important(steps: Sequence[Step], strength: Floats, consistency: Floats) -> NDArray[np.bool_]:
    """Which segments, sorted by trace, are important in their trace."""
    found = np.zeros(len(steps), dtype=bool)
    names = np.array([trace_id for trace_id, _, _ in steps])
    borders = np.flatnonzero(names[1:] != names[:-1]) + 1
    for part in np.split(np.arange(len(steps)), borders):
        found[part] = important(strength[part], consistency[part])
    return found


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
