"""States of a replayed training on disk: each is there whole or not at all."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from curation.scoring.progress import Reporter
from curation.scoring.trajectory.training import Training
from curation.scoring.trajectory.update import State, begin
from curation.store.publish import flush


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write beside the place, then rename."""
    part = path.with_suffix(".writing")
    # Copied, since plain descent hands one and the same zeros through as every moment.
    copies = {name: one.detach().to("cpu", copy=True).contiguous() for name, one in tensors.items()}
    save_file(copies, part)
    flush(part)
    part.replace(path)
    flush(path.parent)


def read_tensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    """What `write_tensors` wrote."""
    return {name: one.to(device) for name, one in load_file(path).items()}


def read_state(folder: Path, number: int, device: torch.device) -> State:
    """The state before a step that was kept."""
    return State(**read_tensors(_path(folder, number), device))


def keep_states(training: Training, folder: Path, reporter: Reporter) -> None:
    """Replay the training forward; keep the state before every so-manieth step, and the last one.

    A killed replay continues at the last state that was kept.
    """
    schedule = training.schedule
    folder.mkdir(exist_ok=True)
    due = [*range(0, len(schedule), schedule.stride), len(schedule)]
    there = [number for number in due if _path(folder, number).exists()]
    reporter.start("replaying", len(schedule), done=max(there, default=0))
    if len(schedule) not in there:
        number = max(there, default=0)
        state = read_state(folder, number, training.weights.device) if there else begin(training.network)
        while True:
            if number in due:
                write_tensors(_path(folder, number), state._asdict())
            if number == len(schedule):
                break
            tokens = training.tokens(number)
            state, _ = training.step(number, state)
            number += 1
            reporter.advance(1, tokens)
    reporter.finish()


def steps_between(training: Training, folder: Path, first: int, end: int) -> list[tuple[State, Tensor]]:
    """For each step of a segment, the state before it and the gradient that it took; recomputed from the first."""
    state = read_state(folder, first, training.weights.device)
    found = []
    for number in range(first, end):
        after, gradient = training.step(number, state)
        found.append((state, gradient))
        state = after
    return found


def _path(folder: Path, number: int) -> Path:
    return folder / f"state-{number:08d}.safetensors"
