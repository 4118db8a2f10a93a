"""What a scoring run is asked for; the same request on the same project continues the same run."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from curation.errors import ScoringError

SCORES = ("influence", "influence-rank", "perplexity", "nll", "rsr", "rds", "gradient-norm")
# Families that compare traces with queries, and families that need a backward pass.
OF_QUERIES = {"influence", "influence-rank", "rds"}
OF_GRADIENTS = {"influence", "influence-rank", "gradient-norm"}


@dataclass(frozen=True)
class ScoreRequest:
    """Everything that decides the result of a run, beside the project's traces and queries.

    Attributes:
        model: Folder or hub id of the reference model.
        adapter: Folder or hub id of a PEFT adapter; its layers are then the ones attributed.
        scores: Families of `SCORES`. The numbers of tokens and steps always come along.
        by_step: Also split influence over the steps of each trace (one more forward pass, of dual numbers, a group).
        dtype: "float32", "bfloat16" or "float64" for weights and activations; sums are float32 or better.
        device: "auto", "cpu", "cuda", ...
        modules: Layers that influence is attributed to: "all", "mlp", "attention" or a regular expression.
        damping: lambda in units of each layer's mean eigenvalue.
        factor_traces: How many traces the EK-FAC factors are fitted on.
        max_tokens: Longer traces are not scored, and say so (0: as many as the model has positions for).
        token_budget: Tokens a batch, padding included.
        direction_gb: Memory for the directions of single queries; more queries take more passes.
        seed: Of the factor sample and of the sampled labels.
    """

    model: str
    adapter: str = ""
    scores: tuple[str, ...] = SCORES
    by_step: bool = True
    dtype: str = "float32"
    device: str = "auto"
    modules: str = "all"
    damping: float = 0.1
    factor_traces: int = 256
    max_tokens: int = 0
    token_budget: int = 4096
    direction_gb: float = 8.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: A score is unknown, or a number is out of its range.
        """
        for name in self.scores:
            if name not in SCORES:
                raise ScoringError(f"There is no score {name!r}; choose from all, {', '.join(SCORES)}.")
        if not self.scores:
            raise ScoringError(f"No score is asked for; choose from all, {', '.join(SCORES)}.")
        if self.damping <= 0 or self.factor_traces < 2 or self.token_budget < 1 or self.direction_gb <= 0:
            raise ScoringError(
                "Damping, token budget and direction memory must be above 0, and factor traces at least 2."
            )

    def key(self, *, revision: str, files: Sequence[str], template: str) -> str:
        """A hash of all that decides the result: the request, the model's content, traces, queries and template."""
        content = {**asdict(self), "revision": revision, "files": list(files), "template": template}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def parse_scores(text: str) -> tuple[str, ...]:
    """Read `all` or a comma-separated list of families."""
    names = SCORES if text == "all" else tuple(name.strip() for name in text.split(",") if name.strip())
    return tuple(dict.fromkeys(names))
