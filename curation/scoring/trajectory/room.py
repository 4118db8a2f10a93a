"""What a sweep takes of memory and disk, and a plain no where it is not there."""

import shutil
from pathlib import Path

from curation.errors import ScoringError
from curation.scoring.memory import available
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.training import Training

# Vectors as long as the weights that a step back needs beside those that are kept: the graph's, and what is summed up.
WORKING = 8
# Numbers a token that the graph of a gradient keeps: in units of hidden size and layer, of heads and tokens and layer
# (the attention's weights), and of the vocabulary. Seen on the demo (250 MB), and some more.
A_LAYER, AN_ATTENTION, A_LOGIT = 100, 20, 20


def memory_needed(training: Training, forms: int, groups: int) -> int:
    """Bytes at the most, roughly: a segment's states with their gradients, adjoints, and the graph of one batch."""
    network = training.network
    config = network.module.config.get_text_config()  # type: ignore[union-attr, operator]
    kept = 4 * training.schedule.stride + 2 * 3 * forms * groups + WORKING
    longest = max(len(row.ids) for row in training.rows)
    layer = A_LAYER * config.hidden_size + AN_ATTENTION * config.num_attention_heads * longest
    token = config.num_hidden_layers * layer + A_LOGIT * config.vocab_size
    return int(network.start.itemsize * (kept * network.size + training.at_once * longest * token))


def disk_needed(training: Training, forms: int, groups: int) -> int:
    """Bytes of the states that are kept, and of the adjoints before and after a segment."""
    states = len(training.schedule) // training.schedule.stride + 2
    network = training.network
    return 3 * network.start.itemsize * network.size * (states + 2 * forms * groups)


def refuse_what_does_not_fit(
    training: Training, request: TrajectoryRequest, groups: int, folder: Path
) -> None:
    """Say what it would take, before it begins.

    Raises:
        ScoringError: Memory or disk does not suffice.
    """
    forms = len(request.forms)
    checks = (
        ("memory", memory_needed(training, forms, groups), available(training.weights.device)),
        ("disk", disk_needed(training, forms, groups), shutil.disk_usage(folder).free),
    )
    for name, needed, free in checks:
        if needed > free:
            raise ScoringError(
                f"Going back through {len(training.schedule):,} steps of {training.network.size:,} weights for "
                f"{groups} groups takes about {needed / 1e9:,.1f} GB of {name}, and {free / 1e9:,.1f} GB are free; "
                "train an adapter (--lora), name fewer --groups, take fewer traces --at-once, or leave the exact form "
                "out (--no-exact)."
            )
