"""Fine-tuning on traces: the reference model of the scores, and the models that prove a selection."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from curation.errors import ModelError
from curation.models.checkpoints import FOLDER, Checkpoints
from curation.models.examples import examples_of, longest_of
from curation.models.forgetting import bounded_loss, to_forget
from curation.models.load import load_module, load_tokenizer, with_adapter
from curation.models.new_adapter import with_new_adapter
from curation.models.train_settings import FULL, LORA, TrainSettings
from curation.models.trainer import OnSteps, deterministic, make_trainer
from curation.traces.trace import Trace

__all__ = ["FULL", "LORA", "TrainSettings", "train"]


def train(
    model: str,
    traces: Sequence[Trace],
    output: Path,
    *,
    template: str = "auto",
    settings: TrainSettings | None = None,
    lora: bool = False,
    adapter: str = "",
    device: str = "auto",
    steps: int | None = None,
    checkpoints: int = 0,
    forget: Sequence[Trace] = (),
    on_progress: OnSteps | None = None,
) -> None:
    """Fine-tune a model on traces, with the loss on their completions, and save it with its tokenizer.

    The same call on the same machine gives the same weights. Runs on CUDA where it is there, in bfloat16.

    Args:
        model: Folder or hub id of the base model.
        traces: What to learn; what is masked of their responses carries no loss.
        output: New folder for the model, or for the adapter if `lora`; there complete or not at all.
        template: How a prompt becomes text (see `Project.template`).
        settings: `FULL` or, if `lora`, `LORA` where None.
        lora: Train a LoRA adapter on all linear layers instead of all weights. Needs the extra `peft`.
        adapter: Folder or hub id of a PEFT adapter to go on training in place of all weights; `output` is then the adapter's.
        device: "auto" (CUDA where there is one), or "cpu".
        steps: Optimiser steps to take; as many as the settings' epochs say if None.
        checkpoints: How many to keep, evenly spaced, in `checkpoints/STEP/` of the output (see `models.checkpoints`).
        forget: What to unlearn in the same steps (see `models.forgetting`).
        on_progress: Called with (optimiser steps done, steps in total).

    Raises:
        ModelError: The model cannot be loaded, there is nothing to learn, the output is already there, the
            training takes fewer steps than there are to be checkpoints or has no moments for them, or loss or weights
            are not finite.
    """
    settings = settings or (LORA if lora or adapter else FULL)
    if output.exists():
        raise ModelError(f"{output} is already there; choose a new folder for the trained model.")
    if checkpoints and settings.optimizer != "adamw":
        raise ModelError(
            f"Checkpoints keep AdamW's moments, and {settings.optimizer} has none; train with --optimizer adamw, or without --checkpoints."
        )
    part = output.with_name(f"{output.name}.part")
    # All is written beside the final place, then renamed: a killed training leaves no half model there.
    shutil.rmtree(part, ignore_errors=True)
    with deterministic():
        set_seed(settings.seed)
        tokenizer, network = load_tokenizer(model), load_module(model, torch.float32)
        longest = longest_of(network, settings)
        examples = [one for one in examples_of(tokenizer, traces, template, longest) if one]
        if forget:
            examples += [to_forget(one) for one in examples_of(tokenizer, forget, template, longest) if one]
        if adapter:
            network = with_adapter(network, adapter, trainable=True)
        elif lora:
            network = with_new_adapter(network, settings)
        try:
            padding = tokenizer.pad_token_id or tokenizer.eos_token_id or 0
            keeping = [Checkpoints(part / FOLDER, tokenizer, checkpoints)] if checkpoints else []
            make_trainer(
                network,
                examples,
                padding,
                part,
                settings,
                device,
                on_progress,
                steps=steps,
                callbacks=keeping,
                loss=bounded_loss if forget else None,
            ).train()
            _refuse_broken(network)
            network.save_pretrained(part)
            tokenizer.save_pretrained(part)
            part.rename(output)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _refuse_broken(network: Any) -> None:
    """A last step that goes astray is seen in no loss.

    Raises:
        ModelError: A weight is not finite.
    """
    if not all(bool(torch.isfinite(one).all()) for one in network.parameters()):
        raise ModelError("The weights are no longer finite after the training; lower the learning rate.")
