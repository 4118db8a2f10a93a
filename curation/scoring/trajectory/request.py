"""Which training is replayed, and what is asked about it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from curation.errors import ScoringError
from curation.models.train_settings import TrainSettings

# Families of scores: exact, with products of gradients for the Hessian, without a Hessian.
FORMS = METAGRADIENT, TRAJECTORY, TRACIN = "metagradient", "trajectory", "tracin"
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
        drawn: Each trace's weight in the data is drawn between 0 and 2, by the settings' seed, and not 1.
        dtype: "float32" or "float64", of everything.
        device: "auto" (CUDA where there is one), "cpu", ...
    """

    model: str
    settings: TrainSettings
    lora: bool = False
    groups: tuple[str, ...] = ()
    exact: bool = True
    drawn: bool = False
    dtype: str = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: The dtype is unknown.
        """
        if self.dtype not in DTYPES:
            raise ScoringError(f"A training is replayed in {' or '.join(DTYPES)}, not in {self.dtype!r}.")

    @property
    def forms(self) -> tuple[str, ...]:
        """The families of scores that are computed."""
        return tuple(form for form in FORMS if self.exact or form != METAGRADIENT)

    def key(self, *, revision: str, files: Sequence[str], template: str) -> str:
        """A hash of all that decides the result: the request, the model's content, traces, queries and template."""
        settings = self.settings.deciding()
        # These two belonged to the request before they were settings; the runs of then are still found.
        optimizer = {name: settings.pop(name, getattr(self.settings, name)) for name in ("optimizer", "eps")}
        asked = {**asdict(self), "settings": settings, **optimizer}
        if not self.drawn:  # From before there was a choice.
            del asked["drawn"]
        content = {
            "trajectory": asked,
            "revision": revision,
            "files": list(files),
            "template": template,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
