"""What one pass over a slice is collected on: a sheet for each thing that the scores are made of."""

from dataclasses import dataclass

from torch import Tensor

from curation.scoring.collector import Collector
from curation.scoring.grace import Grace
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.influence.directions import Directions, Influence
from curation.scoring.likelihood import Likelihood
from curation.scoring.projection import Activations
from curation.scoring.rds import Embedding
from curation.scoring.rsr import RankSurprisal
from curation.scoring.sketch import Sketch
from curation.scoring.slices import Slice
from curation.scoring.trace_gradients import TraceGradients
from curation.scoring.work import Work, activation_sheet, needs_gradients


@dataclass(frozen=True)
class Sheets:
    """Of P traces; None where no score asks for it.

    Attributes:
        likelihood: Negative log-likelihood by token and trace.
        ranks: Of tokens in the vocabulary.
        embedding: Of each trace.
        activations: Mean activations, at the layers of concepts.
        grace: Values of steps.
        norm: Of each trace's gradient.
        influence: Along groups, concepts and single queries.
        gradients: Projected ones, for the scores that compare them with each other.
    """

    likelihood: Likelihood
    ranks: RankSurprisal
    embedding: Embedding
    activations: Activations
    grace: Grace | None
    norm: GradientNorm | None
    influence: Influence | None
    gradients: TraceGradients | None

    @classmethod
    def of(cls, work: Work, part: Slice, directions: Directions | None) -> "Sheets":
        """Empty ones for the traces of a slice."""
        count, device = len(part.encoded), work.model.device
        backward = needs_gradients(work.scores)
        return cls(
            likelihood=Likelihood.of(count, device),
            ranks=RankSurprisal.of(count, device),
            embedding=Embedding(),
            activations=activation_sheet(work, count),
            grace=Grace.of(part) if "grace" in work.scores else None,
            norm=GradientNorm.of(count, device) if backward else None,
            influence=Influence.of(directions, count, device) if directions and backward else None,
            gradients=_gradients(work, count) if "outlier" in work.scores else None,
        )

    @property
    def collectors(self) -> list[Collector]:
        """All that there are."""
        always: list[Collector] = [self.likelihood, self.ranks, self.embedding, self.activations]
        asked = (self.grace, self.norm, self.influence, self.gradients)
        return always + [one for one in asked if one is not None]

    @property
    def sketches(self) -> Tensor | None:
        """(P, R) float32 projected gradients, on the CPU."""
        return self.gradients.projected.cpu().float() if self.gradients else None


def _gradients(work: Work, count: int) -> TraceGradients:
    sketch = Sketch(work.request.projection, work.request.seed)
    return TraceGradients.of(sketch, count, work.model.dtype, work.model.device)
