"""Unlearning with a bounded loss: likely tokens become less likely, and nothing is gained once they are unlikely.

Plain gradient ascent on the negative log-likelihood has no lower bound and ruins a model. The forgetting loss of a token
of probability p is -log(1 - p) instead (the unlikelihood of 1908.04319, chosen as the bounded forgetting loss that 2406.12397 asks for): at least
0, reached as p goes to 0, with a gradient of p on the token's logit, which fades with what is forgotten.
"""

from typing import Any

import torch
from torch import Tensor

from curation.models.trainer import IGNORED, Example


def to_forget(example: Example) -> Example:
    """The same tokens, with labels that say "forget this": label t becomes IGNORED - 1 - t."""
    marked = [label if label == IGNORED else IGNORED - 1 - label for label in example["labels"]]
    return {**example, "labels": marked}


def bounded_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
    """The mean over labelled tokens of -log p where a token is retained, and of -log(1 - p) where it is forgotten.

    Args:
        outputs: Of the model, with `logits` (traces, longest, vocabulary).
        labels: (traces, longest); below IGNORED for what is forgotten (see `to_forget`).
        num_items_in_batch: Labelled tokens of the whole optimiser step; of these traces if None.
    """
    logits, wanted = outputs.logits[:, :-1].float(), labels[:, 1:]
    held = wanted != IGNORED
    logits, wanted = logits[held], wanted[held]
    forgotten = wanted < IGNORED
    tokens = torch.where(forgotten, IGNORED - 1 - wanted, wanted)[:, None]
    whole = logits.logsumexp(dim=-1)
    retain = whole - logits.gather(1, tokens)[:, 0]
    # log(1 - p) as the other tokens' share, which stays exact where p is nearly 1.
    forget = whole - logits.scatter(1, tokens, -torch.inf).logsumexp(dim=-1)
    total = torch.where(forgotten, forget, retain).sum()
    return total / (held.sum() if num_items_in_batch is None else num_items_in_batch)
