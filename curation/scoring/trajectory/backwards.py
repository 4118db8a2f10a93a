"""The way back through a training, segment by segment; each is kept as a shard, so that a killed job goes on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from curation.scoring.job import Job
from curation.scoring.progress import Reporter
from curation.scoring.shard_tables import by_trace
from curation.scoring.trajectory.questions import Questions
from curation.scoring.trajectory.states import read_state, read_tensors, steps_between, write_tensors
from curation.scoring.trajectory.sweep import at_the_end, step_back
from curation.scoring.trajectory.training import Training
from curation.scoring.trajectory.update import State

EARLY, LATE = "early", "late"


def sweep(
    training: Training,
    questions: Questions,
    forms: tuple[str, ...],
    job: Job,
    states: Path,
    trace_ids: list[str],
    reporter: Reporter,
) -> None:
    """Go back through the whole training from the states that were kept, and keep each segment's sums as a shard.

    Args:
        training: The training.
        questions: The groups.
        forms: The families to compute.
        job: Where the shards go.
        states: The folder of the states.
        trace_ids: (N,) of the traces that are trained on.
        reporter: Told how many steps are done.
    """
    steps, stride = len(training.schedule), training.schedule.stride
    starts = list(range(0, steps, stride))[::-1]
    done = sum(job.has(_shard(number)) for number in range(len(starts)))
    reporter.start("going back", steps, done=steps - starts[done - 1] if done else 0)
    adjoints: Mapping[str, State] | None = None
    shape = len(questions.groups), len(training.rows)
    for number, start in enumerate(starts):
        if number < done:
            continue
        end = min(start + stride, steps)
        if adjoints is None:
            adjoints = _adjoints_before(training, questions, forms, states, end)
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(shape, dtype=torch.float64))
        used: set[int] = set()
        for place, (before, gradient) in _backwards(training, states, start, end):
            stepped = step_back(training, place, before, gradient, adjoints)
            adjoints = stepped.adjoints
            batch = list(training.schedule.batches[place])
            half = EARLY if place < training.schedule.middle else LATE
            for form, found in stepped.found.items():
                sums[f"{form}-{half}"][:, batch] += found.double().cpu()
            used.update(batch)
            reporter.advance(1, training.tokens(place))
        # A killed job needs the adjoints of the last shard, so they are there before it and go after the next one.
        write_tensors(_adjoint_path(states, start), _flat(adjoints))
        job.write(_shard(number), {"parts": _parts(sums, questions.groups, trace_ids, sorted(used))})
        _adjoint_path(states, end).unlink(missing_ok=True)
    reporter.finish()


def gathered(job: Job, trace_ids: list[str]) -> dict[str, NDArray[np.float64]]:
    """The shards' sums, added up in the order in which the way back was gone: FORM-HALF/GROUP -> (N,)."""
    places = {trace_id: place for place, trace_id in enumerate(trace_ids)}
    found: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(trace_ids)))
    for path in job.shards("parts"):
        table = pq.read_table(path)
        where = np.array([places[one] for one in table["trace_id"].to_pylist()], dtype=int)
        names = np.array(table["name"].to_pylist(), dtype=object)
        values = table["value"].to_numpy()
        for name in dict.fromkeys(names):
            chosen = names == name
            found[name][where[chosen]] += values[chosen]
    return found


def _backwards(
    training: Training, states: Path, start: int, end: int
) -> Iterator[tuple[int, tuple[State, Tensor]]]:
    """The steps of a segment, the last one first, each with the state before it and the gradient that it took."""
    steps = steps_between(training, states, start, end)
    while steps:
        yield start + len(steps) - 1, steps.pop()


def _adjoints_before(
    training: Training, questions: Questions, forms: tuple[str, ...], states: Path, start: int
) -> Mapping[str, State]:
    """What a killed job had reached; at the end of the training, the groups' gradients."""
    device, steps = training.weights.device, len(training.schedule)
    if start >= steps:
        return at_the_end(questions.gradients(training, read_state(states, steps, device).w), forms)
    tensors = read_tensors(_adjoint_path(states, start), device)
    return {form: State(**{part: tensors[f"{form}/{part}"] for part in State._fields}) for form in forms}


def _flat(adjoints: Mapping[str, State]) -> dict[str, Tensor]:
    return {
        f"{form}/{part}": one for form, state in adjoints.items() for part, one in state._asdict().items()
    }


def _parts(
    sums: Mapping[str, Tensor], groups: tuple[str, ...], trace_ids: list[str], used: list[int]
) -> pa.Table:
    """Each trace that the segment used, with its sums (K, N) by form and half."""
    columns = {
        f"{name}/{group}": values[k, used] for name, values in sums.items() for k, group in enumerate(groups)
    }
    return by_trace([trace_ids[place] for place in used], columns)


def _shard(number: int) -> str:
    return f"back-{number:06d}"


def _adjoint_path(states: Path, start: int) -> Path:
    return states / f"adjoint-{start:08d}.safetensors"
