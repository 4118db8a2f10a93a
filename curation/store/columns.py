"""One score of one run as a sorted column: ranks and histograms without going back to the table."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of, ids_of

Floats = NDArray[np.float64]
KINDS = (
    "influence",
    "influence-consensus",
    "less",
    "perplexity",
    "nll",
    "rsr",
    "rds",
    "influence-mean",
    "influence-cosine",
    "influence-rank",
    "influence-even",
    "outlier-forest",
    "outlier-l2",
    "outlier-l1",
    "grace",
    "segment-share",
    "lossdiff",
    "irm",
    "difficulty",
    "concept",
    "concept-vector",
    "concept-projection",
    "trajectory",
    "trajectory-early",
    "trajectory-late",
    "metagradient",
    "metagradient-early",
    "metagradient-late",
    "tracin",
)
GROUPS = ("gold", "correct", "incorrect")
SIGNED = {
    "influence",
    "influence-consensus",
    "influence-mean",
    "influence-cosine",
    "influence-even",
    "less",
    "grace",
    "lossdiff",
    "irm",
    "concept",
    "concept-projection",
    "trajectory",
    "trajectory-early",
    "trajectory-late",
    "metagradient",
    "metagradient-early",
    "metagradient-late",
    "tracin",
}


def is_signed(name: str) -> bool:
    """Whether a score has a sign that means something."""
    return name.partition("/")[0] in SIGNED


@dataclass(frozen=True)
class Column:
    """All values of one score, ascending.

    Attributes:
        name: The score.
        values: (scored traces,), ascending, without those not computed.
    """

    name: str
    values: Floats

    @property
    def count(self) -> int:
        """How many traces have this score."""
        return len(self.values)

    @property
    def signed(self) -> bool:
        """Whether the score has a sign that means something: influence, where positive is helpful."""
        return is_signed(self.name)

    @property
    def counts(self) -> bool:
        """Whether the values are numbers of things, which say more than a bar."""
        return self.name in ("tokens", "steps")

    @cached_property
    def scale(self) -> float:
        """The 95th percentile of the absolute values: where a colour or a bar is full."""
        if not self.count:
            return 1.0
        return float(np.quantile(np.abs(self.values), 0.95)) or float(np.abs(self.values).max()) or 1.0

    def rank(self, value: float) -> int:
        """Place of a value counted from the highest, which is 1; equal values share the first place."""
        return int(self.count - np.searchsorted(self.values, value, side="right")) + 1

    def span(self, low: float | None, high: float | None) -> int:
        """How many values lie in a range, both ends included."""
        start = 0 if low is None else int(np.searchsorted(self.values, low, side="left"))
        stop = self.count if high is None else int(np.searchsorted(self.values, high, side="right"))
        return max(0, stop - start)

    def histogram(self, bins: int) -> tuple[NDArray[np.int64], Floats]:
        """Counts (bins,) and edges (bins + 1,) over the central 94%; what lies beyond is in the end bins."""
        if not self.count:
            return np.zeros(bins, np.int64), np.linspace(0.0, 1.0, bins + 1)
        low, high = np.quantile(self.values, [0.03, 0.97])
        edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
        inner = np.searchsorted(self.values, edges[1:-1], side="left")
        return np.diff(np.concatenate([[0], inner, [self.count]])), edges


def sorted_column(name: str, falling: Floats) -> Column:
    """The column of a score, from all values highest first; NaN is not computed."""
    return Column(name, falling[np.isfinite(falling)][::-1])


def score_by_trace(catalogue: Catalogue, run_id: str, name: str) -> Floats:
    """(T,) one score of one run, aligned with the frame; NaN where it was not computed."""
    frame = frame_of(catalogue)
    table = catalogue.table(
        "SELECT trace_id, value FROM scores WHERE run_id = ? AND name = ? AND value IS NOT NULL",
        [run_id, name],
    )
    return frame.aligned(ids_of(table["trace_id"]), table["value"].to_numpy())


def relative_error(catalogue: Catalogue, run_id: str, name: str) -> float:
    """A score's standard error (root of the mean square) as a share of its standard deviation over traces; NaN if unknown."""
    sql = """SELECT sqrt(avg(standard_error * standard_error)) / nullif(stddev_samp(value), 0) FROM scores
             WHERE run_id = ? AND name = ? AND isfinite(value) AND isfinite(standard_error)"""
    ((share,),) = catalogue.rows(sql, [run_id, name])
    return float("nan") if share is None else float(share)


def score_names(catalogue: Catalogue, run_id: str) -> list[str]:
    """The scores of a run that at least one trace has, influence first."""
    sql = "SELECT DISTINCT name FROM scores WHERE run_id = ? AND value IS NOT NULL"
    return sorted((str(name) for (name,) in catalogue.rows(sql, [run_id])), key=reading_order)


def reading_order(name: str) -> tuple[int, int, str]:
    """Sort key of score names: influence first, and of groups the one that selects best."""
    kind, _, group = name.partition("/")
    return (
        KINDS.index(kind) if kind in KINDS else len(KINDS),
        GROUPS.index(group) if group in GROUPS else len(GROUPS),
        name,
    )


def source_rows(catalogue: Catalogue) -> Floats:
    """(T,) the row of each trace in its source, aligned with the frame."""
    frame = frame_of(catalogue)
    rows = np.full(len(frame), np.nan)
    for alias, places in zip(catalogue.batch_aliases, frame.of_batch, strict=True):
        rows[places] = catalogue.table(f"SELECT source_row FROM {alias}.traces")["source_row"].to_numpy()
    return rows
