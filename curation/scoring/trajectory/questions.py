"""What a training is asked about: the groups' mean log-likelihoods at its end."""

from dataclasses import dataclass

import torch
from torch import Tensor

from curation.errors import ScoringError
from curation.models.encode import Encoded
from curation.scoring.trajectory.network import Row, chunks
from curation.scoring.trajectory.training import Training
from curation.scoring.work import QuerySet


@dataclass(frozen=True)
class Questions:
    """K groups of completions.

    Attributes:
        groups: Their names.
        rows: For each, its queries.
    """

    groups: tuple[str, ...]
    rows: tuple[tuple[Row, ...], ...]

    def gradients(self, training: Training, w: Tensor) -> Tensor:
        """(K, P) by the weights w, of each group's mean over queries of a completion's summed log-likelihood."""
        found = torch.zeros(len(self.groups), w.numel(), dtype=w.dtype, device=w.device)
        for k, rows in enumerate(self.rows):
            for part in chunks(range(len(rows)), training.at_once):
                leaf = w.detach().requires_grad_()
                losses = training.network.losses(leaf, [rows[place] for place in part])
                found[k] -= torch.autograd.grad(losses.sum() / len(rows), leaf)[0]
        return found


def questions_of(queries: QuerySet, asked: tuple[str, ...]) -> Questions:
    """The groups that are asked about, or all.

    Raises:
        ScoringError: There is no query, or no such group.
    """
    if not queries.queries:
        raise ScoringError(
            "A trajectory is judged by what it does to queries, and there are none; "
            "add some with `curation queries PROJECT FILE --group gold`."
        )
    groups = asked or tuple(queries.groups)
    for group in groups:
        if group not in queries.groups:
            raise ScoringError(f"There is no query group {group!r}; choose from {', '.join(queries.groups)}.")
    members: dict[str, list[Row]] = {group: [] for group in groups}
    for query, encoded in zip(queries.queries, queries.encoded, strict=True):
        if query.group in members:
            members[query.group].append(_row(encoded))
    return Questions(tuple(members), tuple(tuple(rows) for rows in members.values()))


def _row(encoded: Encoded) -> Row:
    weights = encoded.weights or (1.0,) * encoded.completion_length
    return Row(encoded.ids, (*(0.0,) * encoded.prompt_length, *weights))
