"""Commands that look at the pool and at scores without training a model, and the check that unlearns: audit, drivers, unlearn."""

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


def audit(
    project: ProjectArgument,
    run: RunOption = None,
    human: Annotated[
        str | None, typer.Option(help="The source that people wrote, which others are compared with.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="A metadata key that tells kinds apart; the source if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of embeddings.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Look for format flaws of synthetic data: one template, a uniform tone, sources that give themselves away."""
    from curation.store.catalogue import open_catalogue
    from curation.store.facets import SOURCE
    from curation.store.overview import find_run, runs
    from curation.validation.audit import audit as findings_of
    from curation.validation.finding import markdown

    catalogue = open_catalogue(open_project(project))
    try:
        run_id = find_run(catalogue, run).run_id if run or runs(catalogue) else None
        findings = findings_of(catalogue, run_id, human=human, by=by or SOURCE, seed=seed)
    finally:
        catalogue.close()
    answer({"run": run_id, "findings": [asdict(one) for one in findings]}, markdown(findings), as_json)


def drivers(
    project: ProjectArgument,
    score: Annotated[str, typer.Option(help="A score of the run, as in influence/gold.")],
    run: RunOption = None,
    difficulty: Annotated[
        str | None,
        typer.Option(
            help="A metadata key or a score that says how hard a problem is; difficulty or level if there."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the halves and the bootstrap.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Say what drives a score: how far its ranking follows from length, steps, numbers, source, copies, difficulty, template."""
    from curation.errors import SelectionError
    from curation.selection.drivers import drivers as find
    from curation.selection.features import features_of
    from curation.store.catalogue import open_catalogue
    from curation.store.columns import score_by_trace, score_names
    from curation.store.overview import find_run
    from curation.validation.driver_finding import driver_finding
    from curation.validation.finding import markdown

    catalogue = open_catalogue(open_project(project))
    try:
        chosen = find_run(catalogue, run)
        names = score_names(catalogue, chosen.run_id)
        if score not in names:
            raise SelectionError(f"Run {chosen.run_id} has no score {score!r}; it has {', '.join(names)}.")
        values = score_by_trace(catalogue, chosen.run_id, score)
        found = find(score, values, features_of(catalogue, chosen.run_id, difficulty), seed)
    finally:
        catalogue.close()
    finding = driver_finding(found)
    told = {"run": chosen.run_id, **asdict(found), "verdict": finding.verdict, "words": finding.words}
    answer(told, markdown([finding]), as_json)


def unlearn(
    project: ProjectArgument,
    model: ModelOption,
    problems: Annotated[str, typer.Option(help="Held-out problems.")],
    cluster: Annotated[int | None, typer.Option(min=0, help="Forget a cluster of the map.")] = None,
    template: Annotated[
        str | None, typer.Option(help="Forget a template, by its id from `curation audit`.")
    ] = None,
    selection: Annotated[str | None, typer.Option(help="Forget what a saved selection keeps.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Forget a source, as source=NAME, or a kind, as KEY=VALUE of the metadata."),
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run whose map has the cluster.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Unlearnings of the set, and of random sets.")] = 3,
    retain: Annotated[float, typer.Option(help="Traces retained for each that is forgotten.")] = 1.0,
    limit: Limit = None,
    epochs: Annotated[float, typer.Option(help="Passes over what is forgotten and retained.")] = 1.0,
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
    """Let a trained model forget a cluster, a template, a selection or a kind, and random traces, and compare on held-out problems.

    Stopped, the same command continues; results are kept in validation/unlearn/.
    """
    from curation.models.train_settings import settings_for
    from curation.validation.answers import Asking
    from curation.validation.finding import markdown
    from curation.validation.forget_sets import Chosen
    from curation.validation.problems import read_problems
    from curation.validation.unlearn import Unlearning
    from curation.validation.unlearn import unlearn as forget

    with wrong_use():
        settings = settings_for(
            lora=False,
            epochs=epochs,
            learning_rate=learning_rate,
            warmup=warmup,
            batch_size=batch_size,
            at_once=at_once,
            weight_decay=weight_decay,
            optimizer=optimizer,
            eps=eps,
        )
        chosen = Chosen(cluster, template, selection, kind)
        asking = Asking(max_new_tokens, token_budget)
        asked = Unlearning(model, chosen, settings, seeds, retain, run, asking, device)
    opened, held_out = open_project(project), read_problems(problems, limit=limit)
    with progress_bar() as tell:
        made = forget(opened, asked, held_out, on_cost=note, on_progress=tell)
    answer(made.as_dict(), markdown([made.finding]), as_json)
