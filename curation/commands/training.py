"""Options of every command that trains."""

from typing import Annotated

import typer

LoraOption = Annotated[bool, typer.Option("--lora", help="Train LoRA adapters (needs the peft extra).")]
LearningRate = Annotated[float | None, typer.Option(help="Peak learning rate.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Traces an optimiser step.")]
AtOnce = Annotated[
    int | None, typer.Option(min=1, help="Traces in memory at once while training; a batch is a multiple.")
]
