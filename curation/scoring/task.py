"""The sizes of a run, from which its costs follow."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.models.linear import LinearModule

SINGLE = 4  # bytes of what is summed up in float32


@dataclass(frozen=True)
class Task:
    """What is to be computed, in numbers.

    Attributes:
        modules: The attributed layers.
        groups: How many of them are worked on together, in the order of the layers.
        item: Bytes of an activation.
        trace_tokens: Prompt and completion tokens of the pool.
        length: Of a trace, in the mean.
        factor_tokens: Of the sample for the correction.
        factor_traces: Traces of that sample.
        covariance_tokens: Of the sample for the covariances.
        query_tokens: Of the queries.
        query_groups: K, concepts among them.
        singles: Queries that are directions of their own.
        step_tokens: Of the traces that are split by step.
        rank: Directions a side of a layer; 0 if spaces are whole.
        block: Width of the blocks of wide covariances; 0 if they are whole.
        budget: Tokens a batch.
        kept: Bytes that a pass keeps of each token of a batch.
        vectors: Bytes of a trace's results.
        traces: How many there are.
        fitted: The factors are there from an earlier run.
        queries: V.
        checkpoints: Of the training, that LESS follows; for each, whether the pool's features are there already.
        projection: Numbers that are kept of a gradient.
        concept_tokens: Of the texts that concepts are measured on, once for each concept.
    """

    modules: Sequence[LinearModule]
    groups: Sequence[Sequence[LinearModule]]
    item: int
    trace_tokens: int
    length: float
    factor_tokens: int
    factor_traces: int
    covariance_tokens: int
    query_tokens: int
    query_groups: int
    singles: int
    step_tokens: int
    rank: int
    block: int
    budget: int
    kept: int
    vectors: int
    traces: int
    fitted: bool
    queries: int = 0
    checkpoints: Sequence[bool] = ()
    projection: int = 0
    concept_tokens: int = 0

    @property
    def sides(self) -> int:
        """Width of all layers' inputs and outputs."""
        return sum(m.d_in + m.d_out for m in self.modules)

    @property
    def spaces(self) -> int:
        """Numbers in the projections of all layers."""
        return sum(self._rank(m.d_in) * m.d_in + self._rank(m.d_out) * m.d_out for m in self.modules)

    @property
    def cores(self) -> int:
        """Numbers in one direction."""
        return sum(self._rank(m.d_in) * self._rank(m.d_out) for m in self.modules)

    @property
    def directions(self) -> int:
        """Groups, by all and by either half of the factors, and single queries."""
        return 3 * self.query_groups + self.singles

    @property
    def held(self) -> int:
        """Bytes of spaces and directions."""
        return self.spaces * self.item + self.directions * self.cores * SINGLE

    def _rank(self, width: int) -> int:
        return min(self.rank or width, width)
