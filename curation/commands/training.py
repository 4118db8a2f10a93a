"""Options of every command that trains."""

from typing import Annotated

import typer

Lora = Annotated[bool, typer.Option("--lora", help="Train LoRA adapters (needs the peft extra).")]
LearningRate = Annotated[float | None, typer.Option(help="Peak learning rate.")]
Warmup = Annotated[float | None, typer.Option(help="Share of the steps in which it rises.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Traces an optimiser step.")]
AtOnce = Annotated[
    int | None, typer.Option(min=1, help="Traces in memory at once while training; a batch is a multiple.")
]
WeightDecay = Annotated[
    float, typer.Option(help="Share of each weight that a step takes off, times the learning rate.")
]
Optimizer = Annotated[str, typer.Option(help="adamw, or sgd: plain descent without momentum.")]
Eps = Annotated[
    float, typer.Option(help="Of AdamW; larger makes what is learned a smoother function of the data.")
]
Seed = Annotated[int, typer.Option(help="Of the order of traces and the first weights.")]
