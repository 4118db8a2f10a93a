"""The command that goes back through a training."""

from typing import Annotated

import typer

from curation.commands import training
from curation.commands.options import DeviceOption, ModelOption
from curation.commands.output import JsonOption, ProjectArgument, answer_run, progress_bar, wrong_use
from curation.store.project import open_project


def trajectory(
    project: ProjectArgument,
    model: ModelOption,
    lora: training.Lora = False,
    groups: Annotated[str, typer.Option(help="Query groups with commas between; all if not given.")] = "",
    exact: Annotated[
        bool, typer.Option("--exact/--no-exact", help="Compute the metagradient too, or only what is cheap.")
    ] = True,
    drawn: Annotated[
        bool,
        typer.Option(
            "--drawn-weights",
            help="Weigh each trace by lot between 0 and 2, anew in each replay, in place of 1; for the mean of several.",
        ),
    ] = False,
    replays: Annotated[
        int, typer.Option(min=1, help="Replays, with --seed and those after it; their mean is a run as well.")
    ] = 1,
    epochs: Annotated[float | None, typer.Option(help="Passes over the traces.")] = None,
    learning_rate: training.LearningRate = None,
    warmup: training.Warmup = None,
    batch_size: training.BatchSize = None,
    at_once: training.AtOnce = None,
    seed: training.Seed = 0,
    weight_decay: training.WeightDecay = 0.01,
    optimizer: training.Optimizer = "adamw",
    eps: training.Eps = 1e-8,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Replay a fine-tuning of a base model on all traces, and score each by what it did to the queries, step by step.

    Stopped, the same command continues.
    """
    from curation.models.train_settings import settings_for
    from curation.scoring.trajectory.replays import mean_of_replays
    from curation.scoring.trajectory.request import TrajectoryRequest

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
        request = TrajectoryRequest(
            model=model,
            settings=settings,
            lora=lora,
            groups=tuple(dict.fromkeys(name.strip() for name in groups.split(",") if name.strip())),
            exact=exact,
            drawn=drawn,
            dtype=dtype,
            device=device,
        )
    with progress_bar() as tell:
        done = mean_of_replays(open_project(project), request, replays, on_progress=tell)
    answer_run(done.run_id, done.already_there, done.notes, as_json)
