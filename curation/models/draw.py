"""Drawing tokens by numbers that belong to each row, so that no neighbour in a batch changes what a row says."""

from collections.abc import Sequence

import torch
from torch import Tensor

from curation.models.sampling import Sampling


class Draw:
    """A logits processor that leaves each row the one token that was drawn for it."""

    def __init__(self, sampling: Sampling, seeds: Sequence[int], steps: int) -> None:
        """Take the numbers that every token will be drawn by.

        Args:
            sampling: Temperature and top-p.
            seeds: One a row.
            steps: Tokens of a completion at the most.
        """
        self._sampling = sampling
        self._uniform = torch.stack(
            [
                torch.rand(steps, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
                for seed in seeds
            ]
        )
        self._step = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(B, T) tokens so far, (B, V) logits -> (B, V): 0 at the row's token, minus infinity elsewhere."""
        uniform = self._uniform[:, self._step].to(scores.device)
        self._step += 1
        drawn = drawn_tokens(scores, uniform, self._sampling.temperature, self._sampling.top_p)
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn.unsqueeze(1), 0.0)


def drawn_tokens(logits: Tensor, uniform: Tensor, temperature: float, top_p: float) -> Tensor:
    """Draw a token a row by inverting the distribution function: (B, V) logits, (B,) in [0, 1) -> (B,) ids.

    Tokens are ordered by probability; those before which there is top_p or more are not drawn.
    """
    p, ids = (logits.double() / temperature).softmax(1).sort(dim=1, descending=True, stable=True)
    p = p.where(p.cumsum(1) - p < top_p, 0.0)
    total = p.cumsum(1)
    place = (total <= uniform.unsqueeze(1) * total[:, -1:]).sum(1)
    # Rounding may put the sum at the end; the last token with any probability is meant.
    place = place.minimum((p > 0).sum(1) - 1)
    return ids.gather(1, place.unsqueeze(1)).squeeze(1)
