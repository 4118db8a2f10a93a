"""The command that goes back through a training."""

from typing import Annotated

import typer

from curation.commands.compute import ModelOption
from curation.commands.output import JsonOption, ProjectArgument, answer, progress_bar, wrong_use
from curation.commands.training import AtOnce, BatchSize, LearningRate, LoraOption
from curation.store.project import open_project


def trajectory(
    project: ProjectArgument,
    model: ModelOption,
    lora: LoraOption = False,
    groups: Annotated[str, typer.Option(help="Query groups with commas between; all if not given.")] = "",
    exact: Annotated[
        bool, typer.Option("--exact/--no-exact", help="Compute the metagradient too, or only what is cheap.")
    ] = True,
    epochs: Annotated[float | None, typer.Option(help="Passes over the traces.")] = None,
    learning_rate: LearningRate = None,
    warmup: Annotated[float | None, typer.Option(help="Share of the steps in which it rises.")] = None,
    batch_size: BatchSize = None,
    at_once: AtOnce = None,
    seed: Annotated[int, typer.Option(help="Of the order of traces and the first weights.")] = 0,
    optimizer: Annotated[str, typer.Option(help="adamw, as `train` has it, or sgd.")] = "adamw",
    eps: Annotated[
        float, typer.Option(help="Of AdamW; larger makes what is learned a smoother function of the data.")
    ] = 1e-8,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Replay a fine-tuning of a base model on all traces, and score each by what it did to the queries, step by step.

    Stopped, the same command continues.
    """
    from curation.models.train_settings import settings_for
    from curation.scoring.trajectory.request import TrajectoryRequest
    from curation.scoring.trajectory.trajectory import trajectory as go_back

    with wrong_use():
        settings = settings_for(
            lora=lora,
            epochs=epochs,
            learning_rate=learning_rate,
            warmup=warmup,
            batch_size=batch_size,
            at_once=at_once,
            seed=seed,
        )
        request = TrajectoryRequest(
            model=model,
            settings=settings,
            lora=lora,
            groups=tuple(dict.fromkeys(name.strip() for name in groups.split(",") if name.strip())),
            exact=exact,
            optimizer=optimizer,
            eps=eps,
            dtype=dtype,
            device=device,
        )
    with progress_bar() as tell:
        done = go_back(open_project(project), request, on_progress=tell)
    result = {"run_id": done.run_id, "already_there": done.already_there, "notes": done.notes}
    words = (
        f"Run {done.run_id} had answered this before."
        if done.already_there
        else f"Run {done.run_id} is published."
    )
    answer(result, " ".join([words, *done.notes]), as_json)
