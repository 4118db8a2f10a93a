"""A list of traces: which ones, in which order, by arrays over all of them, so that a million are a matter of moments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.store.facets import Facet
from curation.store.frame import Bools, Frame, Ids, Ints, as_ids
from curation.store.search import Search
from curation.store.sorting import order_of_floats
from curation.store.verdicts import KEEP, VETO, Codes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Scores from low to high, both included; None is no limit. Traces without the score are outside."""

    score: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TraceSet:
    """Some traces that belong together, as a lasso or a list of neighbours; equal if they hold the same.

    Attributes:
        digest: What tells it from others.
        ids: Of the traces.
    """

    digest: str
    ids: Ids = field(compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.ids)


def trace_set(ids: Ids | Sequence[str]) -> TraceSet:
    """A set of given traces."""
    chosen = ids if isinstance(ids, np.ndarray) else as_ids(ids)
    return TraceSet(sha256(chosen.tobytes()).hexdigest()[:16], chosen)


@dataclass(frozen=True)
class View:
    """Which traces, in which order.

    Attributes:
        score: Name of the score that ranks; None for the order of the source.
        descending: Highest first. Traces without the score come last either way.
        verdict: Only traces with this verdict; "none" for those never decided or undecided; "" for all.
        ranges: Only traces with all these scores inside their limits.
        facets: (key, values): only traces that are of one of the kinds, for each key.
        selection: Only those "in" the current selection, or "out" of it; "" for all.
        search: Only traces in which this is found.
        among: Only traces of this set.
        columns: Further scores that the list shows.
    """

    score: str | None = None
    descending: bool = True
    verdict: Literal["", "keep", "veto", "none"] = ""
    ranges: tuple[Range, ...] = ()
    facets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    selection: Literal["", "in", "out"] = ""
    search: Search | None = None
    among: TraceSet | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Facts:
    """What a view looks at, aligned with the frame; only what the view names need be there.

    Attributes:
        frame: All traces.
        scores: (T,) by name; NaN where not computed.
        facets: By key.
        verdicts: (T,) codes.
        selected: (T,) whether the current selection has each trace.
        found: (T,) whether the view's search found something in each trace.
    """

    frame: Frame
    scores: Mapping[str, Floats] = field(default_factory=dict)
    facets: Mapping[str, Facet] = field(default_factory=dict)
    verdicts: Codes | None = None
    selected: Bools | None = None
    found: Bools | None = None


def conditions(view: View, facts: Facts) -> dict[str, Bools]:
    """(T,) each filter of a view by its name: range:SCORE, facet:KEY, verdict, selection, search, among."""
    held: dict[str, Bools] = {}
    for one in view.ranges:
        values = facts.scores[one.score]
        low, high = (-np.inf if one.low is None else one.low), (np.inf if one.high is None else one.high)
        held[f"range:{one.score}"] = (values >= low) & (values <= high)
    for key, kinds in view.facets:
        held[f"facet:{key}"] = facts.facets[key].mask(kinds)
    if view.verdict and facts.verdicts is not None:
        decided = {"keep": facts.verdicts == KEEP, "veto": facts.verdicts == VETO}
        held["verdict"] = decided.get(view.verdict, facts.verdicts == 0)
    if view.selection and facts.selected is not None:
        held["selection"] = facts.selected if view.selection == "in" else ~facts.selected
    if view.search and facts.found is not None:
        held["search"] = facts.found
    if view.among is not None:
        held["among"] = facts.frame.mask(view.among.ids)
    return held


def inside(held: Mapping[str, Bools], frame: Frame, *, without: str = "") -> Bools:
    """(T,) what all filters let through, but for one that is left out."""
    masks = [mask for name, mask in held.items() if name != without]
    return np.logical_and.reduce(masks) if masks else np.ones(len(frame), dtype=bool)


def in_order(values: Floats, *, descending: bool) -> Ints:
    """(T,) indices by value; equal ones by trace id, those without a value last."""
    return order_of_floats(values, descending=descending)


@dataclass(frozen=True, eq=False)
class Listing:
    """The traces of a view, ranked.

    Attributes:
        frame: All traces of the project.
        values: (T,) what ranks them.
        order: (T,) all traces by it.
        inside: (T,) whether each is in the list.
    """

    frame: Frame
    values: Floats
    order: Ints
    inside: Bools

    @cached_property
    def places(self) -> Ints:
        """(count,) indices of the traces of the list, in its order."""
        return self.order[self.inside[self.order]]

    @property
    def count(self) -> int:
        """How many traces the list holds."""
        return len(self.places)

    def page(self, limit: int, offset: int = 0) -> list[tuple[str, float | None]]:
        """(trace_id, value) of one page; value None where it was not computed."""
        chosen = self.places[offset : offset + limit]
        values = (None if np.isnan(value) else float(value) for value in self.values[chosen])
        return list(zip(self.frame.names_of(chosen), values, strict=True))

    def position(self, trace_id: str) -> int:
        """How many traces of the list come before one, be that one in the list or not."""
        index = self.frame.index(trace_id)
        if index < 0:
            return 0
        place = int(np.flatnonzero(self.order == index)[0])
        return int(np.count_nonzero(self.inside[self.order[:place]]))

    def neighbour(self, trace_id: str, step: Literal[-1, 1]) -> str | None:
        """The trace of the list after (1) or before (-1) one, be that one in the list or not; None at the end."""
        index = self.frame.index(trace_id)
        if index < 0:
            return None
        place = self.position(trace_id)
        place += int(self.inside[index]) if step == 1 else -1
        return self.frame.name(self.places[place]) if 0 <= place < self.count else None
