"""One step of an optimiser as a function that can be differentiated: state and gradient in, state out."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import Trainer

from curation.models.train_settings import TrainSettings
from curation.scoring.trajectory.network import Network

BETAS = (0.9, 0.999)
# Where no gradient has ever come, the second moment is 0, and its root would have an infinite slope.
SMALLEST = 1e-24
# What torch adds to a norm by which it divides.
CLIP_EPS = 1e-6


class State(NamedTuple):
    """Weights and moments before a step, (P,) each; plain gradient descent leaves the moments 0.

    Adjoints of them have the same names, with (K, P) for K groups.
    """

    w: Tensor
    m: Tensor
    v: Tensor


@dataclass(frozen=True)
class Optimizer:
    """What a step does beside the learning rate.

    Attributes:
        name: "adamw" or "sgd".
        eps: AdamW's addition to the root of the second moment.
        decay: (P,) weight decay of each weight; biases and norms have none.
        clip: Gradients are scaled down to this norm; 0 leaves them.
    """

    name: str
    eps: float
    decay: Tensor
    clip: float

    def step(
        self, state: State, gradient: Tensor, rate: float, number: int, *, frozen: bool = False
    ) -> State:
        """The state after a step, as torch's AdamW or SGD after `clip_grad_norm_` makes it.

        Args:
            state: Before it.
            gradient: (P,) of the batch's loss.
            rate: Learning rate.
            number: Steps that were taken before.
            frozen: Let no gradient through the second moment and the factor of clipping: the step is then a linear
                function of weights, first moment and gradient, AdamW a fixed preconditioner.
        """
        factor = self._factor(gradient)
        g = gradient * (factor.detach() if frozen else factor)
        if self.name == "sgd":
            return State(state.w - rate * (g + self.decay * state.w), state.m, state.v)
        first, second = BETAS
        m = first * state.m + (1 - first) * g
        v = second * state.v + (1 - second) * g * g
        root = (v / (1 - second ** (number + 1))).clamp(min=SMALLEST).sqrt() + self.eps
        step = m / (1 - first ** (number + 1)) / (root.detach() if frozen else root)
        return State(state.w * (1 - rate * self.decay) - rate * step, m, v)

    def _factor(self, gradient: Tensor) -> Tensor:
        if not self.clip:
            return gradient.new_ones(())
        norm = gradient.square().sum().clamp(min=SMALLEST).sqrt()
        return (self.clip / (norm + CLIP_EPS)).clamp(max=1.0)


def optimizer_of(network: Network, settings: TrainSettings) -> Optimizer:
    """The optimiser of a training, with the weights that decay as the Trainer chooses them."""
    decaying = set(Trainer.get_decay_parameter_names(None, network.module))
    decay = torch.full_like(network.start, settings.weight_decay)
    for name, piece in network.named(decay).items():
        if name not in decaying:
            piece.zero_()
    return Optimizer(settings.optimizer, settings.eps, decay, max(0.0, settings.max_gradient_norm))


def begin(network: Network) -> State:
    """The state before the first step."""
    return State(network.start, torch.zeros_like(network.start), torch.zeros_like(network.start))
