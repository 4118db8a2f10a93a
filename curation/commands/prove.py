"""Commands that prove: rollouts, validate, trust."""

from dataclasses import asdict
from typing import Annotated

import typer

from curation.commands.compute import ModelOption
from curation.commands.data import AnswerField, Limit, PromptField, ResponseField, Split
from curation.commands.output import (
    JsonOption,
    ProjectArgument,
    answer,
    note,
    progress_bar,
    wrong_use,
)
from curation.commands.training import AtOnce, BatchSize, LearningRate, LoraOption
from curation.store.project import open_project
from curation.traces.rows import Unreadable
from curation.traces.shapes import Fields

MaxNewTokens = Annotated[int, typer.Option(min=1, help="Limit of an answer.")]
TokenBudget = Annotated[int, typer.Option(min=1, help="Tokens a batch, answers at their limit.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]


def rollouts(
    project: ProjectArgument,
    problems: Annotated[
        str, typer.Argument(metavar="PROBLEMS", help="Prompts with an answer or a solution each.")
    ],
    model: ModelOption,
    base: Annotated[
        str | None, typer.Option(help="The model before fine-tuning; adds wrong-to-right and right-to-wrong.")
    ] = None,
    adapter: Annotated[str, typer.Option(help="A PEFT adapter on the model: folder or hub id.")] = "",
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    answer_field: AnswerField = None,
    split: Split = None,
    limit: Limit = None,
    max_new_tokens: MaxNewTokens = 512,
    token_budget: TokenBudget = 32_768,
    device: Device = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float64.")] = "float32",
    as_json: JsonOption = False,
) -> None:
    """Let a model answer problems greedily, grade its answers, and add them as query groups correct and incorrect.

    Stopped, the same command continues; called again, it repeats nothing. Every answer is kept in rollouts/.
    """
    from curation.validation.answers import Asking
    from curation.validation.rollouts import Tally
    from curation.validation.rollouts import rollouts as roll_out

    rejected: list[Unreadable] = []
    opened = open_project(project)
    with progress_bar() as tell:
        done = roll_out(
            opened,
            problems,
            model=model,
            adapter=adapter,
            base=base,
            fields=Fields(prompt_field, response_field, answer_field),
            split=split,
            limit=limit,
            asking=Asking(max_new_tokens, token_budget),
            device=device,
            dtype=dtype,
            on_progress=tell,
            on_rejected=rejected.append,
        )

    def words(tally: Tally) -> str:
        return f"{tally.model} answers {tally.correct:,} of {tally.graded:,} problems right."

    added = ", ".join(f"{count:,} to {group}" for group, count in done.added.items()) or "nothing"
    sentences = [
        words(done.model),
        *([words(done.base)] if done.base else []),
        f"Added {added}.",
        *done.notes,
    ]
    if rejected:
        sentences.append(
            f"{len(rejected):,} rows are no problem; the first: line {rejected[0].number}: {rejected[0].reason}"
        )
    result = {
        "model": {**asdict(done.model), "accuracy": done.model.accuracy},
        "base": {**asdict(done.base), "accuracy": done.base.accuracy} if done.base else None,
        "added": done.added,
        "rejected": [{"line": one.number, "reason": one.reason} for one in rejected],
        "notes": done.notes,
    }
    answer(result, " ".join(sentences), as_json)


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
    lora: LoraOption = False,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the whole pool; every recipe takes as many steps.")
    ] = None,
    learning_rate: LearningRate = None,
    batch_size: BatchSize = None,
    at_once: AtOnce = None,
    max_new_tokens: MaxNewTokens = 512,
    token_budget: TokenBudget = 32_768,
    device: Device = "auto",
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
            lora=lora, epochs=epochs, learning_rate=learning_rate, batch_size=batch_size, at_once=at_once
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
    run: Annotated[str | None, typer.Option(help="A run's id; the newest if not given.")] = None,
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
