"""Token batches: sequences of similar length side by side, within a budget of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from curation.models.encode import Encoded


@dataclass(frozen=True)
class TokenBatch:
    """B sequences padded on the right to T tokens; N of the tokens carry loss.

    Padding needs no mask: a causal model's real tokens never look to the right, and padded tokens carry
    no loss, so that their gradients are exactly zero.

    Attributes:
        indices: (B,) which of the sequences these are.
        ids: (B, T) token ids.
        real: (B, T) bool, False at padding.
        loss_rows: (N,) row of each completion token, row after row.
        loss_columns: (N,) column from which it is predicted, one left of its own.
        targets: (N,) its id.
        weights: (N,) float64 weight of its loss.
        order: The indices as plain numbers, so that nothing waits for a device to read them.
        tokens: How many real tokens there are.
    """

    indices: Tensor
    ids: Tensor
    real: Tensor
    loss_rows: Tensor
    loss_columns: Tensor
    targets: Tensor
    weights: Tensor
    order: tuple[int, ...]
    tokens: int

    def to(self, device: torch.device) -> "TokenBatch":
        """The same batch on a device."""
        moved = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def sum_by_row(self, values: Tensor) -> Tensor:
        """Add (N, ...) values of completion tokens up to (B, ...) values of sequences."""
        total = values.new_zeros((len(self.indices), *values.shape[1:]))
        return total.index_add_(0, self.loss_rows, values)


def length_sorted(encoded: Sequence[Encoded], token_budget: int) -> list[list[int]]:
    """Group sequences of similar length so that rows x longest stays within the budget (a lone one may exceed it).

    Returns:
        Indices of each batch, shortest first; the same input gives the same batches.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), i)):
        longest = len(encoded[index])
        if batches and (len(batches[-1]) + 1) * longest <= token_budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def token_batch(encoded: Sequence[Encoded], indices: Sequence[int]) -> TokenBatch:
    """Lay the chosen sequences out as one batch."""
    chosen = [encoded[index] for index in indices]
    longest = max(len(one) for one in chosen)
    ids = torch.zeros(len(chosen), longest, dtype=torch.long)
    real = torch.zeros(len(chosen), longest, dtype=torch.bool)
    rows, columns, targets, weights = [], [], [], []
    for row, one in enumerate(chosen):
        ids[row, : len(one)] = torch.tensor(one.ids)
        real[row, : len(one)] = True
        rows.append(torch.full((one.completion_length,), row))
        columns.append(torch.arange(one.prompt_length - 1, len(one) - 1))
        targets.append(ids[row, one.prompt_length : len(one)])
        weights.append(torch.tensor(one.weights or (1.0,) * one.completion_length, dtype=torch.float64))
    return TokenBatch(
        torch.tensor(list(indices)),
        ids,
        real,
        torch.cat(rows),
        torch.cat(columns),
        torch.cat(targets),
        torch.cat(weights),
        tuple(indices),
        sum(len(one) for one in chosen),
    )


def token_batches(
    encoded: Sequence[Encoded], token_budget: int, device: torch.device
) -> Iterator[TokenBatch]:
    """All sequences as batches on a device, shortest first."""
    for indices in length_sorted(encoded, token_budget):
        yield token_batch(encoded, indices).to(device)
