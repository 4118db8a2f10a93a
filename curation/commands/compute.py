"""Commands that compute: train, score, map, demo."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curation.commands.output import (
    JsonOption,
    ProjectArgument,
    answer,
    note,
    progress_bar,
    wrong_use,
)
from curation.commands.training import AtOnce, BatchSize, LearningRate, LoraOption
from curation.scoring.request import FURTHER, OF_CONCEPTS, SCORES, ScoreRequest, parse_scores
from curation.store.project import Project, open_project

ModelOption = Annotated[str, typer.Option(help="A model folder, or a hub id.")]


def train(
    project: ProjectArgument,
    model: ModelOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the model or adapter.")],
    lora: LoraOption = False,
    selection: Annotated[
        str | None, typer.Option(help="Train on a saved selection; on all traces if not given.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the traces.")] = None,
    learning_rate: LearningRate = None,
    batch_size: BatchSize = None,
    at_once: AtOnce = None,
    seed: Annotated[int, typer.Option(help="Of the order of traces and the first weights.")] = 0,
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
            batch_size=batch_size,
            at_once=at_once,
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


def score(
    project: ProjectArgument,
    model: ModelOption,
    adapter: Annotated[
        str, typer.Option(help="A PEFT adapter's folder or hub id; its layers are then attributed.")
    ] = "",
    base: Annotated[
        str,
        typer.Option(help="The model it was fine-tuned from, for scores that compare with it."),
    ] = "",
    scores: Annotated[
        str,
        typer.Option(
            help=f"all, or some of {','.join(SCORES)}; only where they are named: {','.join(FURTHER)}."
        ),
    ] = "all",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    dtype: Annotated[
        str,
        typer.Option(help="auto (bfloat16 where the device computes in it), float32, bfloat16 or float64."),
    ] = "auto",
    modules: Annotated[
        str, typer.Option(help="Layers to attribute to: all, mlp, attention or a regular expression.")
    ] = "all",
    steps: Annotated[
        str,
        typer.Option(
            help="Split influence over the steps of all traces, of none, or of so many of the most and of the least "
            "helpful ones of each group. Only a number keeps the values of single tokens too."
        ),
    ] = "10",
    damping: Annotated[float, typer.Option(help="In units of each layer's mean eigenvalue.")] = 0.1,
    tolerance: Annotated[
        float, typer.Option(help="Relative error that the low rank of the queries may make; 0: whole.")
    ] = 0.1,
    rank: Annotated[
        int, typer.Option(min=1, help="Directions a side of a layer, in the mean, at most.")
    ] = 64,
    solver: Annotated[
        str, typer.Option(help="ekfac, or astra: refine the groups' directions on the Gauss-Newton matrix.")
    ] = "ekfac",
    factor_traces: Annotated[
        int, typer.Option(min=2, help="Traces on which the curvature is fitted, at most.")
    ] = 256,
    covariance_traces: Annotated[
        int,
        typer.Option(min=2, help="Traces on which its eigenvectors are fitted; more where they are short."),
    ] = 16,
    stability: Annotated[
        float, typer.Option(help="The sample stops growing at this predicted reliability; 1: all of it.")
    ] = 0.5,
    factor_block: Annotated[
        int, typer.Option(min=0, help="Width of the diagonal blocks of wider covariances; 0: whole.")
    ] = 0,
    labels: Annotated[
        str, typer.Option(help="Of the curvature: sampled from the model, or the data's own.")
    ] = "sampled",
    projection: Annotated[
        int, typer.Option(help="Numbers that less and outlier keep of a gradient; a power of 2.")
    ] = 8192,
    contamination: Annotated[
        float, typer.Option(help="Share of the traces that outlier flags as unusual.")
    ] = 0.3,
    segment_points: Annotated[
        int,
        typer.Option(
            min=1, help="Points of the integrated gradients of segments, a forward and backward pass each."
        ),
    ] = 20,
    max_tokens: Annotated[
        int, typer.Option(min=0, help="Longer traces are left unscored; 0: as many as the model takes.")
    ] = 0,
    token_budget: Annotated[
        int, typer.Option(min=0, help="Tokens a batch; 0: as many as are worth it and fit.")
    ] = 0,
    memory_gb: Annotated[
        float, typer.Option(min=0, help="Memory to take beside the model, in GB; 0: what is free.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the factor sample and its labels, and of tuning.")] = 0,
    tune_epochs: Annotated[
        float, typer.Option(help="Passes over a group's queries, for lossdiff and irm.")
    ] = 1.0,
    tune_learning_rate: Annotated[float, typer.Option(min=0, help="Of these; 0: what train takes.")] = 0.0,
    irm_beta: Annotated[float, typer.Option(help="DPO's beta, for irm.")] = 0.1,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, and compute nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score every trace with a model; stopped, the same command continues."""
    opened = open_project(project)
    with wrong_use():
        request = ScoreRequest(
            model=model,
            adapter=adapter,
            base=base,
            scores=parse_scores(scores),
            steps=steps,
            dtype=dtype,
            device=device,
            modules=modules,
            damping=damping,
            tolerance=tolerance,
            rank=rank,
            solver=solver,
            factor_traces=factor_traces,
            covariance_traces=covariance_traces,
            stability=stability,
            factor_block=factor_block,
            labels=labels,
            projection=projection,
            contamination=contamination,
            segment_points=segment_points,
            max_tokens=max_tokens,
            token_budget=token_budget,
            memory_gb=memory_gb,
            seed=seed,
            tune_epochs=tune_epochs,
            tune_learning_rate=tune_learning_rate,
            irm_beta=irm_beta,
        )
    if plan:
        from curation.scoring.plan import plan_run

        planned = plan_run(opened, request)
        answer(planned.as_dict(), planned.text(), as_json)
        return
    from curation.scoring.score import score as score_project

    with progress_bar() as tell:
        done = score_project(opened, request, on_progress=tell)
    agreed = _concept_agreement(opened, done.run_id) if OF_CONCEPTS & set(request.scores) else []
    notes = [*done.notes, *agreed]
    result = {"run_id": done.run_id, "already_there": done.already_there, "notes": notes}
    words = (
        f"Run {done.run_id} had answered this before."
        if done.already_there
        else f"Run {done.run_id} is published."
    )
    answer(result, " ".join([words, *notes]), as_json)


def _concept_agreement(project: Project, run_id: str) -> list[str]:
    """How far the scores of each concept agree, in sentences."""
    from curation.selection.concepts import agreement_words, concepts_of_run
    from curation.store.catalogue import open_catalogue

    catalogue = open_catalogue(project)
    try:
        return [words for one in concepts_of_run(catalogue, run_id) if (words := agreement_words(one))]
    finally:
        catalogue.close()


def make_map(
    project: ProjectArgument,
    run: Annotated[str | None, typer.Option(help="Whose embeddings; the newest run's if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Of layout and clusters.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Lay a run's embeddings out with UMAP and cluster them."""
    from curation.scoring.map import make_map as lay_out

    made = lay_out(open_project(project), run_id=run, seed=seed)
    text = f"Mapped {made.traces:,} traces of run {made.run_id} in {made.clusters} clusters."
    answer(vars(made), text, as_json)


def demo(
    project: Annotated[Path, typer.Argument(metavar="[PROJECT]", help="Folder of the demo project.")] = Path(
        "demo-project"
    ),
    app: Annotated[bool, typer.Option("--app/--no-app", help="Open the app on it at the end.")] = False,
    port: Annotated[int, typer.Option(help="Port of the app.")] = 8501,
    as_json: JsonOption = False,
) -> None:
    """Build the offline demo: traces with planted flaws, a small model trained on them, every score."""
    from curation.commands.serve import serve
    from curation.demo.build import build_demo
    from curation.demo.proved import proved
    from curation.demo.report import planted_report
    from curation.store.catalogue import open_catalogue

    stage = [""]

    def tell(name: str, share: float | None) -> None:
        if name != stage[0]:
            stage[0] = name
            note(f"{name} ...")

    built = build_demo(project, on_progress=tell)
    catalogue = open_catalogue(built)
    try:
        report = planted_report(catalogue)
    finally:
        catalogue.close()
    ranking = report.rankings[0] if report and report.rankings else None
    found = ranking.overall if ranking else None
    text = f"The demo project is at {project}."
    if ranking and found:
        text += (
            f" Of {found.planted} planted flaws, {found.found} are among the {ranking.depth} traces lowest in "
            f"{ranking.score}; a random ranking finds {found.by_chance:.0f}."
        )
    shown = proved()
    text += f" {shown.words}"
    result = {
        "project": str(project),
        "proof": asdict(shown),
        "planted": found.planted if found else None,
        "found": found.found if found else None,
        "by_chance": found.by_chance if found else None,
        "auc": found.auc if found else None,
    }
    answer(result, text, as_json)
    if app:
        sys.stdout.flush()
        serve(project, port=port)
