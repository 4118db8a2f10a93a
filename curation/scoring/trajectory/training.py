"""A training that can be replayed: step after step from any of its states, always the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import set_seed

from curation.errors import ModelError
from curation.models.examples import examples_of, longest_of
from curation.models.load import DTYPES, load_module
from curation.models.new_adapter import with_new_adapter
from curation.models.trainer import IGNORED
from curation.scoring.trajectory.network import Network, Row, chunks
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.schedule import Schedule, schedule_of
from curation.scoring.trajectory.update import Optimizer, State, begin, optimizer_of
from curation.traces.trace import Trace


@dataclass(frozen=True)
class Training:
    """A fine-tuning in a loop of its own, since the Trainer cannot be differentiated.

    Step t minimises sum_d s_d L_d(w) / n over the traces d of its batch: L_d the summed loss of d's completion, n the
    completion tokens of the batch, s_d the weight of d in the data, which is 1.

    Attributes:
        network: What is trained.
        optimizer: How a step is taken.
        schedule: Which traces come when.
        rows: The traces that are trained on.
        at_once: Traces in memory at once.
        weights: (N,) s. They change no n.
    """

    network: Network
    optimizer: Optimizer
    schedule: Schedule
    rows: tuple[Row, ...]
    at_once: int
    weights: Tensor

    def weighed(self, weights: Tensor) -> "Training":
        """The same with other weights of the data."""
        return replace(self, weights=weights.to(self.weights))

    def tokens(self, number: int) -> int:
        """n, by which the losses of a step are divided."""
        return max(1, sum(self.rows[place].tokens for place in self.schedule.batches[number]))

    def step(self, number: int, state: State) -> tuple[State, Tensor]:
        """The state after a step, and the gradient (P,) that it took.

        Raises:
            ModelError: The gradient is not finite.
        """
        total = torch.zeros_like(state.w)
        for part in chunks(self.schedule.batches[number], self.at_once):
            w = state.w.detach().requires_grad_()
            losses = self.network.losses(w, [self.rows[place] for place in part])
            loss = (losses * self.weights[part]).sum() / self.tokens(number)
            total += torch.autograd.grad(loss, w)[0]
        if not torch.isfinite(total).all():
            raise ModelError(
                f"The training's gradient is no longer finite after {number} steps; lower the learning rate, "
                "or look for broken traces."
            )
        with torch.no_grad():
            return self.optimizer.step(state, total, self.schedule.rates[number], number), total

    def run(self, on_step: Callable[[int, State], None] = lambda number, state: None) -> State:
        """Train from the beginning; told of every step's number and the state before it."""
        state = begin(self.network)
        for number in range(len(self.schedule)):
            on_step(number, state)
            state, _ = self.step(number, state)
        return state


def prepare(
    request: TrajectoryRequest, tokenizer: Any, traces: list[Trace], template: str, device: torch.device
) -> tuple[Training, list[int]]:
    """A training on those of the traces that have a completion within the model's length, and their places.

    Raises:
        ModelError: The model cannot be loaded, or none of the traces can be trained on.
    """
    settings = request.settings
    set_seed(settings.seed)
    module = load_module(request.model, torch.float32)
    module.set_attn_implementation("eager")  # The fused kernels have no second derivative.
    examples = examples_of(tokenizer, traces, template, longest_of(module, settings))
    if request.lora:
        module = with_new_adapter(module, settings)
    network = Network.of(module.to(device, DTYPES[request.dtype]))
    places = [place for place, one in enumerate(examples) if one]
    rows = tuple(
        Row(tuple(one["input_ids"]), tuple(float(label != IGNORED) for label in one["labels"]))
        for one in examples
        if one
    )
    training = Training(
        network,
        optimizer_of(network, settings),
        schedule_of(settings, len(rows)),
        rows,
        settings.at_once,
        torch.ones(len(rows), dtype=DTYPES[request.dtype], device=device),
    )
    return training, places
