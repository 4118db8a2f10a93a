"""Several replays that differ by their seed, and their mean."""

from collections.abc import Iterator
from dataclasses import replace

from curation.errors import ScoringError
from curation.scoring.ensemble import ensemble
from curation.scoring.progress import OnProgress
from curation.scoring.scored import Scored
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.trajectory import trajectory
from curation.store.project import Project


def mean_of_replays(
    project: Project, request: TrajectoryRequest, count: int, *, on_progress: OnProgress | None = None
) -> Scored:
    """Replay a fine-tuning with so many seeds, the request's and those after it, and publish their mean as a run.

    Each replay is a run of its own, which a later call finds: a killed one goes on, a larger one adds to a smaller one.
    One alone is not averaged.

    Raises:
        ModelError: As `trajectory`.
        ScoringError: As `trajectory`, or the count is below 1.
    """
    if count < 1:
        raise ScoringError(f"{count} replays cannot be done; ask for 1 or more.")
    runs = [
        trajectory(project, one, on_progress=_numbered(on_progress, number, count))
        for number, one in enumerate(_requests(request, count), 1)
    ]
    return runs[0] if count == 1 else ensemble(project, [one.run_id for one in runs])


def _requests(request: TrajectoryRequest, count: int) -> Iterator[TrajectoryRequest]:
    for seed in range(request.settings.seed, request.settings.seed + count):
        yield replace(request, settings=replace(request.settings, seed=seed))


def _numbered(on_progress: OnProgress | None, number: int, count: int) -> OnProgress | None:
    """The same, where each stage's name says which of the replays it is of."""
    if on_progress is None or count == 1:
        return on_progress
    return lambda moment: on_progress(replace(moment, stage=f"{number} of {count}, {moment.stage}"))
