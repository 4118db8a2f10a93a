"""The command that asks whether scores predict training."""

from dataclasses import asdict
from typing import Annotated

import typer

from curation.commands import training
from curation.commands.options import DeviceOption, ModelOption, RunOption
from curation.commands.output import JsonOption, ProjectArgument, answer, note, progress_bar, wrong_use
from curation.store.project import open_project


def lds(
    project: ProjectArgument,
    model: ModelOption,
    run: RunOption = None,
    models: Annotated[int, typer.Option(min=2, help="Random parts of the traces to train on.")] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings on each part.")] = 1,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the traces, in a part.")] = 0.5,
    lora: training.Lora = False,
    epochs: Annotated[float | None, typer.Option(help="Passes over all traces.")] = None,
    learning_rate: training.LearningRate = None,
    warmup: training.Warmup = None,
    batch_size: training.BatchSize = None,
    at_once: training.AtOnce = None,
    weight_decay: training.WeightDecay = 0.01,
    optimizer: training.Optimizer = "adamw",
    eps: training.Eps = 1e-8,
    shuffled: Annotated[
        bool,
        typer.Option(
            "--shuffled/--fixed-order",
            help="Draw each training's order of traces, or keep one order for all.",
        ),
    ] = True,
    equal_steps: Annotated[
        bool,
        typer.Option(
            "--equal-steps/--equal-epochs",
            help="As many optimiser steps on a part as on all traces, or as many passes over it.",
        ),
    ] = True,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Retrain on random parts of the traces, and see how well each score of a run predicts what that does to the queries.

    The trainings are kept in validation/retrains/ and serve every run; stopped, the same command continues.
    """
    from curation.models.train_settings import settings_for
    from curation.store.catalogue import open_catalogue
    from curation.store.overview import find_run
    from curation.validation.lds_report import keep_report, lds_report
    from curation.validation.retrains import BankPlan, retrain

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
        )
        plan = BankPlan(model, settings, models, seeds, share, lora, device, shuffled, equal_steps)
    opened = open_project(project)
    catalogue = open_catalogue(opened)
    try:
        chosen = find_run(catalogue, run)
        with progress_bar() as tell:
            bank = retrain(opened, plan, on_cost=note, on_progress=tell)
        report = lds_report(catalogue, chosen.run_id, bank)
        keep_report(opened, report)
    finally:
        catalogue.close()
    answer(asdict(report), report.markdown, as_json)
