"""The steps that a recipe may veto, in the order in which it does, whatever traces they are of and however many it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.errors import SelectionError
from curation.scoring.important import important
from curation.store.catalogue import Catalogue
from curation.store.columns import Column, Floats, score_by_trace
from curation.store.frame import Bools, Frame, Ints, frame_of
from curation.store.sorting import order_of_floats
from curation.store.step_values import Spans, StepColumn, step_column
from curation.traces.steps import split_steps

# Trace id, start and stop in characters of the response.
Step = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class StepOrder:
    """C steps, the worst first; of equal ones, by trace and place.

    Attributes:
        frame: The T traces of the project.
        run_id: The run that was read.
        score: The name of the score.
        spans: The steps.
        values: (C,) the score of each, ascending; of a step of a segment, the segment's.
        tokens: (C,) completion tokens of each: those of its trace, shared out by characters, since a run does not keep
            how many a step has.
        trace_tokens: (T,) completion tokens of each trace; 0 where the run did not score it.
        lengths: (T,) characters of each trace's response; 0 where it has not this score by step.
    """

    frame: Frame
    run_id: str
    score: str
    spans: Spans
    values: Floats
    tokens: Floats
    trace_tokens: Floats
    lengths: Ints

    @cached_property
    def has_steps(self) -> Bools:
        """(T,) which traces have a step that may be vetoed."""
        found = np.zeros(len(self.frame), dtype=bool)
        found[self.spans.trace] = True
        return found

    @cached_property
    def by_place(self) -> Ints:
        """(C,) what sorts them by trace and place."""
        return np.argsort(self.spans.keys)

    @cached_property
    def column(self) -> Column:
        """The values as the app shows columns of scores."""
        return Column(self.score, self.values)

    def steps(self, places: Ints | None = None) -> list[Step]:
        """Some of the steps as trace id, start and stop; all if None."""
        spans = self.spans if places is None else self.spans[places]
        names = self.frame.names_of(spans.trace)
        return list(zip(names, spans.start.tolist(), spans.stop.tolist(), strict=True))


def step_order(catalogue: Catalogue, recipe: str, run_id: str, score: str) -> StepOrder:
    """Read a score by step and put its steps in a recipe's order.

    Args:
        catalogue: The project.
        recipe: One of `step_recipes.STEP_RECIPES`.
        run_id: The run.
        score: The recipe's score in it.

    Raises:
        SelectionError: The run has not counted its tokens.
    """
    frame, column = frame_of(catalogue), step_column(catalogue, run_id, score)
    counted = score_by_trace(catalogue, run_id, "tokens")
    if not np.isfinite(counted).any():
        raise SelectionError(
            f"Run {run_id} has not counted the tokens that a share is of; `curation score` makes a run that has."
        )
    lengths = np.zeros(len(frame), dtype=np.int64)
    lengths[column.spans.trace] = column.spans.stop  # Of several steps of one trace the last one stands.
    if recipe == "segments":
        column = _single_steps(catalogue, run_id, _unimportant(catalogue, run_id, column))
    allowed = np.flatnonzero(np.isfinite(column.values) & np.isfinite(counted[column.spans.trace]))
    order = allowed[order_of_floats(column.values[allowed])]
    spans = column.spans[order]
    tokens = counted[spans.trace] * spans.sizes / lengths[spans.trace]
    return StepOrder(
        frame, run_id, score, spans, column.values[order], tokens, np.nan_to_num(counted), lengths
    )


def _unimportant(catalogue: Catalogue, run_id: str, strength: StepColumn) -> StepColumn:
    """The segments that may be vetoed keep their strength; the others have none."""
    known = np.flatnonzero(np.isfinite(strength.values))
    spans, values = strength.spans[known], strength.values[known]
    beside = step_column(catalogue, run_id, "segment-consistency")
    consistency = np.append(beside.values, np.nan)[beside.spans.places_of(spans)]
    kept = strength.values.copy()
    for part in np.split(np.arange(len(spans)), np.flatnonzero(np.diff(spans.trace)) + 1):
        kept[known[part][important(values[part], consistency[part])]] = np.nan
    return StepColumn(strength.spans, kept)


def _single_steps(catalogue: Catalogue, run_id: str, segments: StepColumn) -> StepColumn:
    """Segments as the steps that they are made of, each with the value of its segment: a reviewer can let back in each."""
    frame, spans = frame_of(catalogue), segments.spans
    counts = np.bincount(spans.trace, minlength=len(frame))
    single = (counts == score_by_trace(catalogue, run_id, "steps"))[spans.trace]
    split = [(spans[single], segments.values[single])]
    turning = frame.names_of(np.unique(spans.trace[~single]))
    sql = "SELECT trace_id, response FROM traces WHERE trace_id IN (SELECT unnest($1))"
    for trace_id, response in catalogue.rows(sql, [turning]) if turning else ():
        trace = frame.index(trace_id)
        rows = np.arange(*np.searchsorted(spans.trace, [trace, trace + 1]))
        split.append(_steps_of(trace, split_steps(response), spans.start[rows], segments.values[rows]))
    together = Spans(
        *(np.concatenate([getattr(one, name) for one, _ in split]) for name in ("trace", "start", "stop"))
    )
    order = np.argsort(together.keys, kind="stable")
    return StepColumn(together[order], np.concatenate([values for _, values in split])[order])


def _steps_of(
    trace: int, steps: Sequence[tuple[int, int]], starts: Ints, values: Floats
) -> tuple[Spans, Floats]:
    """The steps of one trace, each with the value of the segment in which it begins."""
    start, stop = np.array(steps, dtype=np.int64).reshape(-1, 2).T
    segment = np.maximum(np.searchsorted(starts, start, side="right") - 1, 0)
    return Spans(np.full(len(start), trace), start, stop), values[segment]
