"""transformers' Trainer, made quiet, repeatable and careful."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from curation.errors import ModelError
from curation.models.train_settings import TrainSettings

IGNORED = -100
# Our optimisers by transformers' names; its SGD has no momentum unless it is told to.
OPTIM = {"adamw": "adamw_torch_fused", "sgd": "sgd"}
Example = dict[str, list[int]]
OnSteps = Callable[[int, int], None]
# From the model's outputs, (traces, longest) labels and `num_items_in_batch`, the loss of some traces.
Loss = Callable[..., Tensor]


def make_trainer(
    network: Any,
    examples: list[Example],
    padding: int,
    scratch: Path,
    settings: TrainSettings,
    device: str,
    on_progress: OnSteps | None,
    *,
    steps: int | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    loss: Loss | None = None,
) -> Trainer:
    """A trainer for a model on tokenised traces; it saves, logs and prints nothing.

    Args:
        network: A transformers model, or a PEFT model on top of one.
        examples: `input_ids` and `labels` of each trace, equally long; `IGNORED` labels carry no loss.
        padding: Token to fill up shorter traces with; it is masked.
        scratch: Folder that may be made and is left empty.
        settings: How to train.
        device: "auto" (CUDA where there is one), or "cpu".
        on_progress: Called with (optimiser steps done, steps in total).
        steps: Optimiser steps to take; as many as the settings' epochs say if None.
        callbacks: What else is told of each step.
        loss: In place of the mean negative log-likelihood of the labels.
    """
    cuda = device != "cpu" and torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(scratch),
        use_cpu=device == "cpu",
        learning_rate=settings.learning_rate,
        optim=OPTIM[settings.optimizer],
        adam_epsilon=settings.eps,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        num_train_epochs=settings.epochs,
        max_steps=steps or -1,
        per_device_train_batch_size=settings.at_once,
        gradient_accumulation_steps=settings.batch_size // settings.at_once,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_gradient_norm,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        seed=settings.seed,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=cuda,
    )
    trainer = _CarefulTrainer(
        model=network,
        args=arguments,
        train_dataset=examples,
        data_collator=lambda batch: pad(batch, padding),
        callbacks=[*callbacks, *([_Report(on_progress)] if on_progress else [])],
        compute_loss_func=loss,
    )
    trainer.shuffled = settings.shuffled
    # It prints to stdout, which belongs to what a command answers.
    trainer.remove_callback(PrinterCallback)
    return trainer


def pad(batch: list[Example], padding: int) -> dict[str, Tensor]:
    """Stack examples, filled up at the end: (traces, longest) `input_ids`, `labels` and `attention_mask`."""

    def stack(name: str, fill: int) -> Tensor:
        rows = [torch.tensor(example[name]) for example in batch]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=fill)

    labels = stack("labels", IGNORED)
    lengths = torch.tensor([len(example["input_ids"]) for example in batch])
    mask = (torch.arange(labels.shape[1]) < lengths[:, None]).long()
    return {"input_ids": stack("input_ids", padding), "labels": labels, "attention_mask": mask}


class _CarefulTrainer(Trainer):  # type: ignore[misc]
    """Stops at the first loss that is not finite, before it reaches the weights; shuffles only if it is told to."""

    shuffled = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.shuffled:
            return super()._get_train_sampler(train_dataset)
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        loss: Tensor = super().training_step(*arguments, **named)
        if not torch.isfinite(loss).all():
            raise ModelError(
                f"The training loss became {float(loss)} after {self.state.global_step} steps; "
                "lower the learning rate, or look for broken traces."
            )
        return loss


class _Report(TrainerCallback):  # type: ignore[misc]
    def __init__(self, on_progress: OnSteps) -> None:
        self.on_progress = on_progress

    def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self.on_progress(state.global_step, state.max_steps)


@contextmanager
def deterministic() -> Iterator[None]:
    """Make CUDA's kernels repeatable for the length of a block, as far as they can be."""
    before = torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
