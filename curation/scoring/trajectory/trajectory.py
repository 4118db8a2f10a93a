"""A run of trajectory influence: replay the training, go back through it, publish; resumable anywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from curation.errors import ScoringError
from curation.models.load import LanguageModel, find_device, fingerprint, load_tokenizer
from curation.models.trainer import deterministic
from curation.scoring.job import Job, Room, discard_job, open_job
from curation.scoring.progress import OnProgress, Reporter
from curation.scoring.scored import Scored, finished_run
from curation.scoring.trajectory.backwards import gathered, sweep
from curation.scoring.trajectory.drawn import drawn_weights
from curation.scoring.trajectory.publish import columns_of, publish_trajectory
from curation.scoring.trajectory.questions import Questions, questions_of
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.room import refuse_what_does_not_fit
from curation.scoring.trajectory.states import keep_states
from curation.scoring.trajectory.training import Training, prepare
from curation.scoring.work import read_queries
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project
from curation.traces.steps import split_steps
from curation.traces.trace import Trace


@dataclass(frozen=True)
class Prepared:
    """What a run works with.

    Attributes:
        training: The fine-tuning.
        questions: The groups.
        trace_ids: (N,) of the traces that are trained on.
        steps: (N,) steps of each one's response.
        unscored: Traces that no training can use, with the reason.
        model: The base model.
    """

    training: Training
    questions: Questions
    trace_ids: list[str]
    steps: list[int]
    unscored: list[tuple[str, str]]
    model: LanguageModel


def trajectory(
    project: Project, request: TrajectoryRequest, *, on_progress: OnProgress | None = None
) -> Scored:
    """Replay a fine-tuning on every trace of a project, differentiate through it, and publish a run.

    The training is the one that `models.train.train` does with the same settings on the traces in the order of their
    ids, in float32 and without dropout. Killed anywhere, the same call goes on and ends with the same values.

    Args:
        project: The project.
        request: The training, and what is asked about it.
        on_progress: Told how far each stage is.

    Raises:
        ModelError: The model cannot be loaded or trained.
        ScoringError: There is no trace or no query, a file is damaged, or memory or disk does not suffice.
    """
    started = datetime.now(UTC)
    catalogue = open_catalogue(project)
    try:
        if problem := catalogue.damage("batches", "queries"):
            raise ScoringError(f"Nothing was scored, since a file is damaged. {problem}")
        with deterministic():
            prepared = _prepare(catalogue, request)
            inputs = [name for name in catalogue.files if name.startswith(("batches/", "queries/"))]
            key = request.key(revision=prepared.model.revision, files=inputs, template=project.template)
            if run_id := finished_run(catalogue, key):
                discard_job(project, run_id)
                return Scored(run_id, already_there=True)
            refuse_what_does_not_fit(prepared.training, request, len(prepared.questions.groups), project.root)
            about = {"key": key, "template": project.template, "files": inputs}
            with open_job(project, key, Room(torch.get_num_threads(), 0, 0)) as job:
                torch.set_num_threads(job.room.threads)
                _run(project, job, request, prepared, about, started, on_progress)
                discard_job(project, job.run_id)
        return Scored(job.run_id, already_there=False, notes=_notes(prepared, request))
    finally:
        catalogue.close()


def _prepare(catalogue: Catalogue, request: TrajectoryRequest) -> Prepared:
    rows = catalogue.rows("SELECT trace_id, prompt, response, answer, system FROM traces ORDER BY trace_id")
    if not rows:
        raise ScoringError("The project has no traces; bring some in with `curation ingest PROJECT SOURCE`.")
    device, tokenizer = find_device(request.device), load_tokenizer(request.model)
    traces = [Trace(*texts) for _, *texts in rows]
    training, places = prepare(request, tokenizer, traces, catalogue.project.template, device)
    trace_ids = [rows[place][0] for place in places]
    if request.drawn:
        weights = drawn_weights(trace_ids, request.settings.seed)
        training = training.weighed(torch.from_numpy(weights))
    module = training.network.module
    revision = getattr(module.config, "_commit_hash", None) or fingerprint(Path(request.model))
    model = LanguageModel(
        module, tokenizer, request.model, revision, "", training.network.start.dtype, device
    )
    trained = set(places)
    return Prepared(
        training,
        questions_of(read_queries(catalogue, model), request.groups),
        trace_ids,
        [len(split_steps(rows[place][2])) for place in places],
        [
            (row[0], "the prompt leaves no room for a completion")
            for place, row in enumerate(rows)
            if place not in trained
        ],
        model,
    )


def _run(
    project: Project,
    job: Job,
    request: TrajectoryRequest,
    prepared: Prepared,
    about: dict[str, Any],
    started: datetime,
    on_progress: OnProgress | None,
) -> None:
    training, questions = prepared.training, prepared.questions
    reporter = Reporter(job.folder / "progress.json", on_progress)
    states = job.folder / "states"
    keep_states(training, states, reporter)
    sweep(training, questions, request.forms, job, states, prepared.trace_ids, reporter)
    reporter.start("publishing", 0)
    columns = columns_of(gathered(job, prepared.trace_ids), questions.groups, request.forms)
    tokens = np.array([float(row.tokens) for row in training.rows])
    total = sum(one.numel() for one in training.network.module.parameters())
    publish_trajectory(
        project,
        job,
        request,
        trace_ids=prepared.trace_ids,
        columns={**columns, "tokens": tokens, "steps": np.array(prepared.steps, dtype=float)},
        unscored=prepared.unscored,
        tokens=int(tokens.sum()),
        parameters={
            **about,
            "scores": list(request.forms),
            "optimizer_steps": len(training.schedule),
            "groups": {name: len(rows) for name, rows in zip(questions.groups, questions.rows, strict=True)},
        },
        coverage={
            "attributed": training.network.size,
            "total": total,
            "share": training.network.size / total,
        },
        revision=prepared.model.revision,
        device=training.weights.device,
        timings=reporter.timings,
        started=started,
    )
    reporter.finish()


def _notes(prepared: Prepared, request: TrajectoryRequest) -> list[str]:
    training = prepared.training
    notes = [
        f"{len(training.schedule):,} optimiser steps on {len(training.rows):,} traces were replayed and gone back "
        f"through, with {training.network.size:,} weights."
    ]
    if request.drawn:
        notes.append(
            "The traces' weights were drawn by the seed; what they say is in the mean of several replays "
            "(`--replays`, or `curation ensemble`)."
        )
    if any(isinstance(one, nn.Dropout) and one.p > 0 for one in training.network.module.modules()):
        notes.append("This model is trained with dropout, which the replay leaves out.")
    if prepared.unscored:
        notes.append(f"{len(prepared.unscored):,} traces are too long to be trained on and have no score.")
    return notes
