"""Token batches: sequences end to end in one row, within a budget of tokens, without padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from curation.models.encode import Encoded


@dataclass(frozen=True)
class TokenBatch:
    """B sequences, the longest of T tokens, packed into N tokens; M of the tokens carry loss.

    Attributes:
        indices: (B,) which of the sequences these are.
        ids: (N,) token ids, sequence after sequence.
        positions: (N,) position of each token in its own sequence.
        offsets: (B + 1,) int32, where each sequence starts, and N.
        spread: (B, T) place of each sequence's tokens among the N, and N where it has ended.
        loss_places: (M,) place from which each completion token is predicted, one left of its own.
        loss_rows: (M,) which of the B sequences it belongs to.
        targets: (M,) its id.
        weights: (M,) float64 weight of its loss.
        order: The indices as plain numbers, so that nothing waits for a device to read them.
        lengths: How long each sequence is, as plain numbers too.
        completions: How many of its tokens carry loss.
    """

    indices: Tensor
    ids: Tensor
    positions: Tensor
    offsets: Tensor
    spread: Tensor
    loss_places: Tensor
    loss_rows: Tensor
    targets: Tensor
    weights: Tensor
    order: tuple[int, ...]
    lengths: tuple[int, ...]
    completions: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """N."""
        return sum(self.lengths)

    @property
    def longest(self) -> int:
        """T."""
        return max(self.lengths)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Start and end of each sequence among the tokens."""
        ends = torch.tensor(self.lengths).cumsum(0).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True))

    def to(self, device: torch.device) -> "TokenBatch":
        """The same batch on a device; copied from pinned memory, so that nothing waits for it."""
        if device.type == "cpu":
            return self
        tensors: dict[str, Any] = {
            name: value for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        if device.type == "cuda":
            tensors = {name: value.pin_memory() for name, value in tensors.items()}
        return replace(self, **{name: value.to(device, non_blocking=True) for name, value in tensors.items()})

    def rows(self, values: Tensor) -> Tensor:
        """(N, d) values of tokens -> (B, T, d) by sequence, zero where a sequence has ended."""
        if len(self.lengths) == 1:
            return values.unsqueeze(0)
        return torch.cat([values, values.new_zeros(1, values.shape[1])])[self.spread]

    def sum_by_row(self, values: Tensor) -> Tensor:
        """Add (M, ...) values of completion tokens up to (B, ...) values of sequences."""
        total = values.new_zeros((len(self.lengths), *values.shape[1:]))
        return total.index_add_(0, self.loss_rows, values)

    def split_by_row(self, values: Tensor) -> dict[int, Tensor]:
        """(M, ...) values of completion tokens -> index of each sequence -> its own (C, ...)."""
        return dict(zip(self.order, torch.split(values, list(self.completions)), strict=True))


def length_sorted(encoded: Sequence[Encoded], token_budget: int, *, alone: bool = False) -> list[list[int]]:
    """Group sequences of similar length so that a batch's tokens stay within the budget (a lone one may exceed it).

    Args:
        encoded: The sequences.
        token_budget: Tokens a batch.
        alone: Every sequence in a batch of its own, for models that cannot tell packed sequences apart.

    Returns:
        Indices of each batch, shortest first; the same input gives the same batches.
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), i)):
        if not batches or room < len(encoded[index]) or alone:
            batches.append([])
            room = token_budget
        batches[-1].append(index)
        room -= len(encoded[index])
    return batches


def token_batch(encoded: Sequence[Encoded], indices: Sequence[int]) -> TokenBatch:
    """Pack the chosen sequences into one batch."""
    chosen = [encoded[index] for index in indices]
    lengths = torch.tensor([len(one) for one in chosen])
    prompts = torch.tensor([one.prompt_length for one in chosen])
    starts = lengths.cumsum(0) - lengths
    total, longest = int(lengths.sum()), int(lengths.max())
    columns = torch.arange(longest)
    real = columns < lengths.unsqueeze(1)
    carries = (columns >= prompts.unsqueeze(1)) & real
    places = starts.unsqueeze(1) + columns
    ids = torch.cat([torch.tensor(one.ids) for one in chosen])
    return TokenBatch(
        indices=torch.tensor(list(indices)),
        ids=ids,
        positions=columns.expand_as(real)[real],
        offsets=torch.cat([starts, torch.tensor([total])]).int(),
        spread=places.where(real, torch.tensor(total)),
        loss_places=places[carries] - 1,
        loss_rows=carries.nonzero()[:, 0],
        targets=ids[places[carries]],
        weights=torch.cat(
            [
                torch.tensor(one.weights or (1.0,) * one.completion_length, dtype=torch.float64)
                for one in chosen
            ]
        ),
        order=tuple(indices),
        lengths=tuple(lengths.tolist()),
        completions=tuple(one.completion_length for one in chosen),
    )


def token_batches(
    encoded: Sequence[Encoded], token_budget: int, device: torch.device, *, alone: bool = False
) -> Iterator[TokenBatch]:
    """All sequences as batches on a device, shortest first."""
    for indices in length_sorted(encoded, token_budget, alone=alone):
        yield token_batch(encoded, indices).to(device)
