"""Commands that prove: validate, trust."""

from dataclasses import asdict
from typing import Annotated

import typer

from curation.commands import training
from curation.commands.data import Limit
from curation.commands.options import DeviceOption, ModelOption, RunOption
from curation.commands.output import (
    JsonOption,
    ProjectArgument,
    answer,
    note,
    progress_bar,
    wrong_use,
)
from curation.commands.rollouts import MaxNewTokens, TokenBudget
from curation.store.project import open_project


def validate(
    project: ProjectArgument,
    recipes: Annotated[str, typer.Option(help="Recipes with commas between, as in influence:gold,mid-ppl.")],
    model: ModelOption,
    keep: Annotated[
        str,
        typer.Option(help="Shares of the traces that each recipe keeps, with commas between, as in 0.8,0.5."),
    ] = "0.5",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe.")] = 3,
    problems: Annotated[
        str | None, typer.Option(help="Held-out problems; those of a query group if not given.")
    ] = None,
    group: Annotated[str, typer.Option(help="The query group whose problems are held out.")] = "gold",
    limit: Limit = None,
    lora: training.Lora = False,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the whole pool; every recipe takes as many steps.")
    ] = None,
    learning_rate: training.LearningRate = None,
    warmup: training.Warmup = None,
    batch_size: training.BatchSize = None,
    at_once: training.AtOnce = None,
    weight_decay: training.WeightDecay = 0.01,
    optimizer: training.Optimizer = "adamw",
    eps: training.Eps = 1e-8,
    max_new_tokens: MaxNewTokens = 512,
    token_budget: TokenBudget = 32_768,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Fine-tune on what each recipe keeps and on a random choice of as many traces and tokens, and compare on held-out problems.

    Stopped, the same command continues; results are kept in validation/.
    """
    from curation.models.train_settings import settings_for
    from curation.validation.answers import Asking
    from curation.validation.comparison import Comparison
    from curation.validation.problems import read_problems
    from curation.validation.validate import validate as compare

    names = tuple(name.strip() for name in recipes.split(",") if name.strip())
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
        asking = Asking(max_new_tokens, token_budget)
        comparison = Comparison(names, model, settings, _shares(keep), seeds, lora, group, asking, device)
    opened = open_project(project)
    held_out = read_problems(problems, limit=limit) if problems else None
    with progress_bar() as tell:
        done = compare(opened, comparison, held_out, limit=limit, on_cost=note, on_progress=tell)
    answer(done.as_dict(), done.markdown, as_json)


def _shares(given: str) -> tuple[float, ...]:
    """Numbers with commas between, each once.

    Raises:
        ScoringError: Something between them is no number.
    """
    from curation.errors import ScoringError

    try:
        return tuple(dict.fromkeys(float(one) for one in given.split(",") if one.strip()))
    except ValueError as error:
        raise ScoringError(f"--keep is {given!r}; give shares with commas between, as in 0.8,0.5.") from error


def trust(
    project: ProjectArgument,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far a run's influence can be believed: other queries, other samples, length, other scores, training."""
    from curation.errors import ProjectError
    from curation.store.catalogue import open_catalogue
    from curation.store.overview import find_run
    from curation.validation.finding import markdown, overall
    from curation.validation.trust import trust as findings_of

    catalogue = open_catalogue(open_project(project))
    try:
        chosen = find_run(catalogue, run)
        findings = findings_of(catalogue, chosen)
        if not findings:
            raise ProjectError("This run has no influence to judge; add queries and score again.")
    finally:
        catalogue.close()
    told = {"run": chosen.run_id, "verdict": overall(findings), "findings": [asdict(one) for one in findings]}
    answer(told, markdown(findings), as_json)
