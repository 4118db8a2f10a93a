"""How to fine-tune: one frozen set of numbers, with defaults for all weights and for an adapter."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from curation.errors import ModelError

SCHEDULES = ("cosine", "linear", "constant")
OPTIMIZERS = ("adamw", "sgd")
# Settings that were not there from the beginning.
LATER = ("optimizer", "eps")


@dataclass(frozen=True)
class TrainSettings:
    """How to fine-tune. The defaults are LIMO's full fine-tuning; `LORA` has those for an adapter.

    Attributes:
        learning_rate: Peak of the schedule.
        schedule: How the learning rate falls after the warm-up: cosine, linear or constant.
        warmup: Share of the optimiser steps in which the learning rate rises from 0.
        epochs: Passes over the traces.
        batch_size: Traces an optimiser step.
        at_once: Traces in memory at once, of which a batch is a multiple.
        weight_decay: Share of each weight, in units of the learning rate, that a step takes off beside what the gradient
            does; it is never clipped nor in AdamW's moments. Biases and norms have none.
        max_gradient_norm: Gradients are scaled down to this norm.
        max_tokens: Tokens of prompt and completion after which a trace is cut off.
        lora_rank: Rank of the adapter, where one is trained.
        lora_alpha: Scale of the adapter, where one is trained.
        seed: Decides the order of the traces, dropout and the adapter's first weights.
        shuffled: Whether each epoch draws the order of the traces anew, or all take them as they are given.
        optimizer: "adamw", or "sgd": plain descent without momentum at the same rates.
        eps: AdamW's addition to the root of the second moment. A larger one makes a training whose result is a smoother
            function of its data (2503.13751).
    """

    learning_rate: float = 5e-6
    schedule: str = "cosine"
    warmup: float = 0.0
    epochs: float = 15
    batch_size: int = 8
    at_once: int = 1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    max_tokens: int = 16_384
    lora_rank: int = 16
    lora_alpha: int = 32
    seed: int = 0
    shuffled: bool = True
    optimizer: str = "adamw"
    eps: float = 1e-8

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ModelError: A number is out of its range, or the schedule or the optimiser is unknown.
        """
        if self.schedule not in SCHEDULES:
            raise ModelError(f"There is no schedule {self.schedule!r}; use cosine, linear or constant.")
        if self.optimizer not in OPTIMIZERS:
            raise ModelError(f"--optimizer is {' or '.join(OPTIMIZERS)}, not {self.optimizer!r}.")
        if not 0 < self.eps < math.inf:
            raise ModelError(f"--eps is {self.eps:g}; it has to be above 0.")
        if not (0 <= self.warmup < math.inf and 0 <= self.weight_decay < math.inf):
            raise ModelError("Warm-up and weight decay are numbers from 0 on.")
        if not (self.learning_rate > 0 and self.epochs > 0 and self.max_tokens > 1 and self.lora_rank > 0):
            raise ModelError("Learning rate, epochs and LoRA rank must be above 0, and max_tokens above 1.")
        if self.at_once < 1 or self.batch_size < 1 or self.batch_size % self.at_once:
            raise ModelError(
                f"A batch of {self.batch_size} traces cannot be taken {self.at_once} at once; "
                "make the batch a multiple of that."
            )

    def steps(self, traces: int) -> int:
        """Optimiser steps that the epochs are on so many traces, the last batch of an epoch being a smaller one."""
        return math.ceil(self.epochs * math.ceil(traces / self.batch_size))

    def deciding(self) -> dict[str, Any]:
        """The settings by name, for a hash that names what is kept: those of `LATER` only where they are not at their default.

        So a training from before there were such settings is still found under its name.
        """
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in LATER or value != getattr(TrainSettings, name)
        }


FULL = TrainSettings()
LORA = TrainSettings(learning_rate=2e-4, epochs=2)


def settings_for(*, lora: bool, **given: Any) -> TrainSettings:
    """`LORA` or `FULL`, with what is given in place of their numbers; None is not given.

    Raises:
        ModelError: A number is out of its range.
    """
    return replace(
        LORA if lora else FULL, **{name: value for name, value in given.items() if value is not None}
    )
