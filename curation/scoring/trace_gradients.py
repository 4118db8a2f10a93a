"""Per-trace gradients, formed layer by layer and projected at once: a few thousand numbers stay of each trace."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.models.moments import Moments
from curation.scoring.collector import Collector
from curation.scoring.influence.factors import outer
from curation.scoring.sketch import Sketch

# Gradients of one layer that are formed at a time, in numbers.
AT_ONCE = 2**24


@dataclass
class TraceGradients(Collector):
    """Collects the projected gradient of each sequence's summed loss, or of what Adam would make of it.

    Attributes:
        sketch: The projection.
        sums: (P, width) of it, before it is mixed, on the model's device.
        moments: If given, a sequence's gradient is replaced by Adam's step, of its mean loss over completion tokens:
            that is the scale on which the optimiser has seen gradients (LESS, 2402.04333, sections 2.1 and 3.2).
    """

    sketch: Sketch
    sums: Tensor
    moments: Moments | None = None

    @classmethod
    def of(
        cls,
        sketch: Sketch,
        count: int,
        dtype: torch.dtype,
        device: torch.device,
        moments: Moments | None = None,
    ) -> "TraceGradients":
        """An empty sheet for P sequences of a model of this precision."""
        wide = torch.promote_types(dtype, torch.float32)
        return cls(sketch, torch.zeros(count, sketch.width, dtype=wide, device=device), moments)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor:
        """Keep the inputs."""
        return a

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Form, transform and project one layer's gradients, as many at a time as are small enough."""
        assert kept is not None
        for rows, gradients in _formed(batch, module, g, kept):
            if self.moments:
                tokens = torch.tensor([batch.completions[row] for row in rows], device=g.device)
                gradients = self.moments.step_of(module.name, gradients / tokens[:, None, None])
            folded = self.sketch.folded(module.name, gradients.flatten(1))
            self.sums.index_add_(0, batch.indices[rows.start : rows.stop], folded.to(self.sums.dtype))

    @property
    def projected(self) -> Tensor:
        """(P, width) the projected gradients."""
        return self.sketch.mixed(self.sums)


def _formed(batch: TokenBatch, module: LinearModule, g: Tensor, a: Tensor) -> Iterator[tuple[range, Tensor]]:
    """Some sequences of the batch at a time, and their (b, d_out, d_in) gradients in float32 or better."""
    some = max(1, AT_ONCE // module.size)
    for first in range(0, len(batch.spans), some):
        rows = range(first, min(first + some, len(batch.spans)))
        yield rows, torch.stack([outer(g[slice(*batch.spans[r])], a[slice(*batch.spans[r])]) for r in rows])
