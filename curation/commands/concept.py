"""The command that makes a concept."""

from dataclasses import asdict
from typing import Annotated

import typer

from curation.commands.options import DeviceOption, ModelOption
from curation.commands.output import JsonOption, ProjectArgument, answer, wrong_use
from curation.store.project import open_project

SETS = "a .txt with a text a line, or rows with a text, or with prompt and response."


def concept(
    project: ProjectArgument,
    name: Annotated[str, typer.Option(help="Of the concept: scores carry it.")],
    model: ModelOption,
    adapter: Annotated[str, typer.Option(help="A PEFT adapter's folder or hub id.")] = "",
    positive: Annotated[str, typer.Option(help=f"Texts that have the concept: {SETS}")] = "",
    negative: Annotated[str, typer.Option(help=f"Texts that have it not: {SETS}")] = "",
    direction: Annotated[
        str, typer.Option(help="A .safetensors file with the direction, as a probe's or an autoencoder's.")
    ] = "",
    row: Annotated[
        int | None, typer.Option(min=0, help="Which row, where that file holds a matrix; from 0.")
    ] = None,
    layer: Annotated[
        int | None, typer.Option(min=0, help="Decoder layer, from 0; the middle one if not given.")
    ] = None,
    probe: Annotated[
        str, typer.Option(help="mean: difference of class means; linear: logistic regression.")
    ] = "mean",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float64.")] = "auto",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Make a concept, a direction inside a model; `score --scores all,concept` says which traces raise it."""
    from curation.scoring.concepts.make import ConceptRequest, make_concept
    from curation.selection.concepts import separation_words

    opened = open_project(project)
    with wrong_use():
        request = ConceptRequest(
            name, model, adapter, positive, negative, direction, row, layer, probe, dtype, device
        )
    made = make_concept(opened, request)
    text = f"Concept {made.name} is at the output of layer {made.layer} of {made.layers}, {made.width} wide. "
    text += separation_words(made.auc, made.folds, made.positive, made.negative)
    answer({**asdict(made), "words": text}, text, as_json)
