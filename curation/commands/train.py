"""The command that fine-tunes a model."""

from pathlib import Path
from typing import Annotated

import typer

from curation.commands import training
from curation.commands.options import ModelOption
from curation.commands.output import JsonOption, ProjectArgument, answer, note, wrong_use
from curation.store.project import open_project


def train(
    project: ProjectArgument,
    model: ModelOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the model or adapter.")],
    lora: training.Lora = False,
    selection: Annotated[
        str | None, typer.Option(help="Train on a saved selection; on all traces if not given.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the traces.")] = None,
    learning_rate: training.LearningRate = None,
    warmup: training.Warmup = None,
    batch_size: training.BatchSize = None,
    at_once: training.AtOnce = None,
    weight_decay: training.WeightDecay = 0.01,
    optimizer: training.Optimizer = "adamw",
    eps: training.Eps = 1e-8,
    seed: training.Seed = 0,
    checkpoints: Annotated[
        int,
        typer.Option(min=0, help="Keep so many on the way, evenly spaced, with the optimiser's moments."),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a model on the traces, the loss on their completions only."""
    from curation.models.train import train as fine_tune
    from curation.models.train_settings import settings_for
    from curation.selection.traces import selected_traces

    with wrong_use():
        settings = settings_for(
            lora=lora,
            epochs=epochs,
            learning_rate=learning_rate,
            warmup=warmup,
            batch_size=batch_size,
            at_once=at_once,
            weight_decay=weight_decay,
            optimizer=optimizer,
            eps=eps,
            seed=seed,
        )
    opened = open_project(project)
    traces = selected_traces(opened, selection)
    fine_tune(
        model,
        traces,
        output,
        template=opened.template,
        settings=settings,
        lora=lora,
        checkpoints=checkpoints,
        on_progress=lambda done, total: (
            note(f"step {done} of {total}") if done % max(1, total // 20) == 0 else None
        ),
    )
    result = {"output": str(output), "traces": len(traces), "lora": lora, "checkpoints": checkpoints}
    answer(result, f"Trained {model} on {len(traces):,} traces; it is in {output}.", as_json)
