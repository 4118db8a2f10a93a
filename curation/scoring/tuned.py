"""The run's model after a short fine-tuning on one group's queries, which LossDiff and IRM compare it with (2510.13212)."""

from dataclasses import replace

from curation.models.load import LanguageModel, load_model
from curation.models.train import train
from curation.models.train_settings import FULL, LORA, TrainSettings
from curation.scoring.job import Job
from curation.scoring.progress import Reporter
from curation.scoring.request import ScoreRequest
from curation.scoring.work import QuerySet, Work
from curation.traces.trace import Trace


def tuned_groups(queries: QuerySet) -> list[str]:
    """The groups that can be learnt: those of completions alone, since a weight below 0 is one to unlearn."""
    contrasts = {query.group for query in queries.queries if min(query.token_weights or (0.0,)) < 0}
    return [group for group in queries.groups if group not in contrasts]


def tuning_of(request: ScoreRequest) -> TrainSettings:
    """How the model learns a group: as `curation train` would, but for one epoch, and all that the request says."""
    usual = LORA if request.adapter else FULL
    return replace(
        usual,
        epochs=request.tune_epochs,
        learning_rate=request.tune_learning_rate or usual.learning_rate,
        seed=request.seed,
    )


def tuned_model(job: Job, work: Work, group: str, reporter: Reporter) -> LanguageModel:
    """The run's model, fine-tuned on a group's queries: from the job's folder if an earlier try got so far.

    All weights are trained, or the adapter where the run has one; in float32, whatever the run computes in.

    Raises:
        ModelError: No query of the group can be trained on, or the loss is not finite.
    """
    request, device = work.request, work.model.device
    folder = job.folder / f"tuned-{work.queries.groups.index(group)}"
    if not folder.exists():
        completions = [
            Trace(query.prompt, query.completion, system=query.system)
            for query in work.queries.queries
            if query.group == group
        ]
        reporter.start(f"learning {group}", 0)
        train(
            request.model,
            completions,
            folder,
            template=work.catalogue.project.template,
            settings=tuning_of(request),
            adapter=request.adapter,
            device="cpu" if device.type == "cpu" else "auto",
        )
        reporter.finish()
    name, adapter = (request.model, str(folder)) if request.adapter else (str(folder), "")
    return load_model(name, adapter=adapter, dtype=request.dtype, device=str(device))
