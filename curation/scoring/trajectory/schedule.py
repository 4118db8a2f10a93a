"""Which traces each optimiser step takes, and at which learning rate: what transformers' Trainer would do."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import get_scheduler

from curation.models.train_settings import TrainSettings


@dataclass(frozen=True)
class Schedule:
    """The T steps of a training.

    Attributes:
        batches: For each step, the places of its traces among those that are trained on.
        rates: For each step, its learning rate.
    """

    batches: tuple[tuple[int, ...], ...]
    rates: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def middle(self) -> int:
        """The first step that counts as late."""
        return len(self) // 2

    @property
    def stride(self) -> int:
        """Of a state that is kept to the next: about the root of T, so that kept and recomputed ones are as many."""
        return max(1, math.isqrt(len(self)))


def schedule_of(settings: TrainSettings, traces: int) -> Schedule:
    """The schedule of a training on so many traces."""
    steps = settings.steps(traces)
    batches = _batches(settings, traces)
    return Schedule(tuple(next(batches) for _ in range(steps)), _rates(settings, steps))


def _batches(settings: TrainSettings, traces: int) -> Iterator[tuple[int, ...]]:
    """Batch after batch; an epoch's last one may be smaller."""
    epoch = 0
    while True:
        if settings.shuffled:  # As accelerate's SeedableRandomSampler draws an epoch.
            drawn = torch.Generator().manual_seed(settings.seed + epoch)
            order = torch.randperm(traces, generator=drawn).tolist()
        else:
            order = list(range(traces))
        for start in range(0, traces, settings.batch_size):
            yield tuple(order[start : start + settings.batch_size])
        epoch += 1


def _rates(settings: TrainSettings, steps: int) -> tuple[float, ...]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=settings.learning_rate)
    warmup = int(settings.warmup) if settings.warmup >= 1 else math.ceil(steps * settings.warmup)
    scheduler = get_scheduler(settings.schedule, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return tuple(rates)
