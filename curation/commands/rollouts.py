"""The command that lets a model answer problems."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.commands.data import AnswerField, Limit, PromptField, ResponseField, Split
from curation.commands.options import DeviceOption, ModelOption
from curation.commands.output import JsonOption, ProjectArgument, answer, progress_bar, wrong_use
from curation.store.project import open_project
from curation.traces.rows import Unreadable
from curation.traces.shapes import Fields
from curation.validation.tally import Tally

if TYPE_CHECKING:  # it brings torch, which a command takes only when it runs
    from curation.validation.rollouts import RolledOut

MaxNewTokens = Annotated[int, typer.Option(min=1, help="Limit of an answer.")]
TokenBudget = Annotated[int, typer.Option(min=1, help="Tokens a batch, answers at their limit.")]


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
    samples: Annotated[int, typer.Option(min=1, help="Answers a problem.")] = 1,
    temperature: Annotated[
        float | None,
        typer.Option(help="0 takes the most likely tokens. If not given: 0 for one answer, 1 for several."),
    ] = None,
    top_p: Annotated[
        float, typer.Option(help="Draw among the likeliest tokens that have this probability together.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed draws the same answers.")] = 0,
    contrast: Annotated[
        bool, typer.Option("--contrast", help="Add the group contrast: log p(right) - log p(wrong).")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            help="Ask a server with OpenAI's completions interface, as in http://localhost:8000/v1. --model "
            "then gives the tokenizer; a key is taken from OPENAI_API_KEY."
        ),
    ] = None,
    served_name: Annotated[
        str, typer.Option(help="The model's name at the server, where it is not that of --model.")
    ] = "",
    requests: Annotated[int, typer.Option(min=1, help="Prompts that the server is asked at a time.")] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds that the server may take for an answer.")] = 600.0,
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    answer_field: AnswerField = None,
    split: Split = None,
    limit: Limit = None,
    queries: Annotated[
        bool,
        typer.Option(
            "--queries/--no-queries",
            help="Make groups of queries; without them answers are only kept: for the traces' own problems, whose difficulty "
            "they then say.",
        ),
    ] = True,
    max_new_tokens: MaxNewTokens = 512,
    token_budget: TokenBudget = 32_768,
    device: DeviceOption = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float64.")] = "float32",
    as_json: JsonOption = False,
) -> None:
    """Let a model answer problems, grade its answers, and add them as query groups correct and incorrect.

    Stopped, the same command continues; called again, it repeats nothing. Every answer is kept in rollouts/.
    """
    from curation.models.sampling import Sampling
    from curation.models.server import Server
    from curation.validation.answers import Asking
    from curation.validation.rollouts import Serving
    from curation.validation.rollouts import rollouts as roll_out

    if served_name and not server:
        raise typer.BadParameter("--served-name is a name at a server; give --server too.")
    with wrong_use():
        heat = temperature if temperature is not None else float(samples > 1)
        sampling = Sampling(samples, heat, top_p, seed)
        serving = Serving(Server(server, timeout), served_name, requests) if server else None
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
            sampling=sampling,
            contrast=contrast,
            make_queries=queries,
            serving=serving,
            device=device,
            dtype=dtype,
            on_progress=tell,
            on_rejected=rejected.append,
        )
    answer(_result(done, rejected), " ".join(_sentences(done, rejected)), as_json)


def _sentences(done: "RolledOut", rejected: list[Unreadable]) -> list[str]:
    added = ", ".join(f"{count:,} to {group}" for group, count in done.added.items()) or "nothing"
    sentences = [_words(done.model), *([_words(done.base)] if done.base else [])]
    sentences += [f"Added {added}.", *done.notes]
    if rejected:
        first = rejected[0]
        sentences.append(
            f"{len(rejected):,} rows are no problem; the first: line {first.number}: {first.reason}"
        )
    return sentences


def _result(done: "RolledOut", rejected: list[Unreadable]) -> dict[str, Any]:
    return {
        "model": _fields(done.model),
        "base": _fields(done.base) if done.base else None,
        "added": done.added,
        "rejected": [{"line": one.number, "reason": one.reason} for one in rejected],
        "notes": done.notes,
    }


def _words(tally: Tally) -> str:
    if tally.answers == tally.problems:
        return f"{tally.model} answers {tally.correct:,} of {tally.graded:,} problems right."
    return (
        f"{tally.model} answers {tally.solved:,} of {tally.problems:,} problems right at least once: "
        f"{tally.correct:,} of {tally.graded:,} answers."
    )


def _fields(tally: Tally) -> dict[str, Any]:
    return {**asdict(tally), "accuracy": tally.accuracy}
