"""Checkpoints read back: which there are on the way to a model, and what Adam knew at each of them."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from curation.errors import ModelError
from curation.models.checkpoints import FOLDER, MOMENTS, Step
from curation.models.linear import LinearModule
from curation.models.load import fingerprint

OPTIMIZER = "optimizer.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """One of the models on the way.

    Attributes:
        folder: Of the model, or of the adapter.
        step: When it was, and how it was trained.
        revision: A hash of its weights, moments and settings.
    """

    folder: Path
    step: Step
    revision: str


def read_checkpoints(model: str) -> list[Checkpoint]:
    """The checkpoints in the folder of a model or adapter that was trained with `--checkpoints`, in their order.

    Raises:
        ModelError: There are none, one of them is not whole, or none was trained at a learning rate above 0.
    """
    folder = Path(model).expanduser() / FOLDER
    found = sorted((path for path in folder.glob("*") if path.name.isdecimal()), key=lambda p: int(p.name))
    if not found:
        raise ModelError(
            f"{model} has no checkpoints of its training, which LESS needs; train it with "
            "`curation train PROJECT --model BASE --checkpoints 4 -o FOLDER`, then score with that folder."
        )
    checkpoints = [_read(path) for path in found]
    if not sum(one.step.mean_learning_rate for one in checkpoints) > 0:
        raise ModelError(f"The learning rate was 0 up to every checkpoint in {folder}; train it anew.")
    return checkpoints


def _read(folder: Path) -> Checkpoint:
    try:
        text = (folder / "step.json").read_text(encoding="utf-8")
        step = Step(**json.loads(text))
        b1, b2 = step.betas
        if not all(math.isfinite(one) and one >= 0 for one in (step.mean_learning_rate, step.eps, b1, b2)):
            raise ValueError("a number is not one")
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"The checkpoint {folder} has no step.json that can be read; train the model anew."
        ) from error
    if not (folder / OPTIMIZER).is_file():
        raise ModelError(
            f"The checkpoint {folder} has no {OPTIMIZER} with the optimiser's moments, which LESS needs; "
            "train the model anew with --checkpoints."
        )
    digest = hashlib.sha256((fingerprint(folder) + text).encode()).hexdigest()[:12]
    return Checkpoint(folder, step, digest)


@dataclass(frozen=True)
class Moments:
    """Adam's moments at a checkpoint.

    Attributes:
        step: Its settings.
        first: layer name -> (d_out, d_in) m.
        second: layer name -> (d_out, d_in) v.
    """

    step: Step
    first: dict[str, Tensor]
    second: dict[str, Tensor]

    def step_of(self, name: str, gradients: Tensor) -> Tensor:
        """Adam's step m' / sqrt(v' + eps) after one more gradient, without bias correction (2402.04333, section 2.1).

        m' = b1 m + (1 - b1) G, v' = b2 v + (1 - b2) G^2.

        Args:
            name: Of the layer.
            gradients: (b, d_out, d_in), each on its own.
        """
        b1, b2 = self.step.betas
        second = (gradients.square() * (1 - b2)).add_(self.second[name], alpha=b2).add_(self.step.eps)
        return (gradients * (1 - b1)).add_(self.first[name], alpha=b1).mul_(second.rsqrt_())


def read_moments(
    checkpoint: Checkpoint, modules: Sequence[LinearModule], dtype: torch.dtype, device: torch.device
) -> Moments:
    """The moments of some layers.

    Raises:
        ModelError: They cannot be read, are of another shape, or are not there.
    """
    path = checkpoint.folder / OPTIMIZER
    wide = torch.promote_types(dtype, torch.float32)
    read: list[dict[str, Tensor]] = [{}, {}]
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            for moment, tensors in zip(MOMENTS, read, strict=True):
                for module in modules:
                    tensor = file.get_tensor(f"{moment}/{module.name}.weight")
                    tensors[module.name] = (tensor.T if module.transposed else tensor).to(wide).contiguous()
    except Exception as error:
        raise ModelError(
            f"The optimiser's moments in {path} cannot be read; train the model anew with --checkpoints."
        ) from error
    for module in modules:
        shapes = {tuple(tensors[module.name].shape) for tensors in read}
        if shapes != {(module.d_out, module.d_in)}:
            raise ModelError(
                f"The optimiser's moments in {path} do not fit the layer {module.name}; "
                "they belong to another model, so train it anew with --checkpoints."
            )
    return Moments(checkpoint.step, *read)
