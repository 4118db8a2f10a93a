"""Checkpoints of a training: the weights on the way, with what AdamW knows of their gradients.

A score that follows the training, such as LESS (2402.04333), needs Adam's moments and the learning rates beside the
weights.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor
from transformers import TrainerCallback

from curation.errors import ModelError

FOLDER = "checkpoints"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Step:
    """What `step.json` says of a checkpoint.

    Attributes:
        step: Optimiser steps that were taken; also the folder's name.
        learning_rate: Of the last of them.
        mean_learning_rate: Over the steps since the checkpoint before, or since the start.
        betas: AdamW's decay rates of the first and the second moment.
        eps: AdamW's addition to the root of the second moment.
        weight_decay: AdamW's decoupled weight decay; biases and norms have none.
    """

    step: int
    learning_rate: float
    mean_learning_rate: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float


def steps_of(checkpoints: int, steps: int) -> list[int]:
    """The steps after which checkpoints are written: evenly spaced, the last one at the end.

    Raises:
        ModelError: There are fewer steps than checkpoints, or fewer than no checkpoints.
    """
    if not 0 <= checkpoints <= steps:
        raise ModelError(
            f"A training of {steps:,} optimiser steps cannot keep {checkpoints:,} checkpoints; ask for 0 to {steps:,}."
        )
    return [round(steps * number / checkpoints) for number in range(1, checkpoints + 1)]


class Checkpoints(TrainerCallback):  # type: ignore[misc]
    """Writes them while a trainer works: model, tokenizer, `optimizer.safetensors` and `step.json`, a folder each."""

    def __init__(self, folder: Path, tokenizer: Any, count: int) -> None:
        self.folder = folder
        self.tokenizer = tokenizer
        self.count = count
        self.rates: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """Settle when."""
        self.steps = steps_of(self.count, state.max_steps)

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, optimizer: Any, **named: Any
    ) -> None:
        """Take down the learning rate: when the step is over, the schedule has moved on."""
        self.rates.append(float(optimizer.param_groups[0]["lr"]))

    def on_step_end(
        self, args: Any, state: Any, control: Any, model: Any, optimizer: Any, **named: Any
    ) -> None:
        """Write a checkpoint where one is due."""
        if state.global_step not in self.steps:
            return
        group = optimizer.param_groups[0]
        step = Step(
            step=state.global_step,
            learning_rate=self.rates[-1],
            mean_learning_rate=sum(self.rates) / len(self.rates),
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=args.weight_decay,
        )
        self.rates.clear()
        folder = self.folder / str(step.step)
        model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        save_file(_moments(model, optimizer), folder / "optimizer.safetensors")
        (folder / "step.json").write_text(json.dumps(asdict(step), indent=1), encoding="utf-8")


def _moments(model: Any, optimizer: Any) -> dict[str, Tensor]:
    """Adam's moments as `exp_avg/NAME` and `exp_avg_sq/NAME`, each shaped like the parameter of that name."""
    trained = [(name, one) for name, one in model.named_parameters() if one in optimizer.state]
    return {
        f"{moment}/{name}": optimizer.state[parameter][moment].contiguous()
        for name, parameter in trained
        for moment in MOMENTS
    }
