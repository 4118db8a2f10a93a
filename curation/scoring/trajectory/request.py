"""Which training is replayed, and what is asked about it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from curation.errors import ScoringError
from curation.models.train_settings import TrainSettings

# Families of scores: exact, with products of gradients for the Hessian, without a Hessian.
FORMS = METAGRADIENT, TRAJECTORY, TRACIN = "metagradient", "trajectory", "tracin"
OPTIMIZERS = ("adamw", "sgd")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class TrajectoryRequest:
    """Everything that decides the result beside the project's traces and queries.

    Attributes:
        model: Folder or hub id of the base model, before it is fine-tuned.
        settings: How it is fine-tuned, as `models.train.train` does it.
        lora: An adapter is trained in place of all weights.
        groups: Query groups to ask about; all of the project's where empty.
        exact: Whether the metagradient is computed too: several times the work, and more memory.
        optimizer: "adamw", as `train` has it, or "sgd" (no momentum) at the same rates.
        eps: AdamW's addition to the root of the second moment; `train` has 1e-8. A larger one makes a training
            whose result is a smoother function of its data (2503.13751).
        dtype: "float32" or "float64", of everything.
        device: "auto" (CUDA where there is one), "cpu", ...
    """

    model: str
    settings: TrainSettings
    lora: bool = False
    groups: tuple[str, ...] = ()
    exact: bool = True
    optimizer: str = "adamw"
    eps: float = 1e-8
    dtype: str = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: A choice is unknown, or a number is out of its range.
        """
        if self.optimizer not in OPTIMIZERS:
            raise ScoringError(f"--optimizer is {' or '.join(OPTIMIZERS)}, not {self.optimizer!r}.")
        if self.dtype not in DTYPES:
            raise ScoringError(f"A training is replayed in {' or '.join(DTYPES)}, not in {self.dtype!r}.")
        if not self.eps > 0:
            raise ScoringError(f"--eps is {self.eps}; it has to be above 0.")

    @property
    def forms(self) -> tuple[str, ...]:
        """The families of scores that are computed."""
        return tuple(form for form in FORMS if self.exact or form != METAGRADIENT)

    def key(self, *, revision: str, files: Sequence[str], template: str) -> str:
        """A hash of all that decides the result: the request, the model's content, traces, queries and template."""
        content = {
            "trajectory": asdict(self),
            "revision": revision,
            "files": list(files),
            "template": template,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
