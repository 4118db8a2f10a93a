"""What a scoring run is asked for; the same request on the same project continues the same run."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from curation.errors import ScoringError

SCORES = ("influence", "influence-rank", "perplexity", "nll", "rsr", "rds", "gradient-norm")
# Families that are computed only where they are asked for by name, since they take more than one pass.
FURTHER: tuple[str, ...] = (
    "less",
    "outlier",
    "grace",
    "segments",
    "lossdiff",
    "irm",
    "difficulty",
    "concept",
    "concept-vector",
    "concept-projection",
)
# Families that compare traces with queries, and families that need a backward pass.
OF_QUERIES = {"influence", "influence-rank", "rds", "less", "lossdiff", "irm"}
# Families that have passes of their own: a run of these alone does not go over the pool with the model itself.
OF_THEIR_OWN = {"less"}
OF_GRADIENTS = {"influence", "influence-rank", "gradient-norm", "outlier", "concept"}
# Families that are about the project's concepts, and those of them that read activations.
OF_ACTIVATIONS = {"concept-vector", "concept-projection"}
OF_CONCEPTS = {"concept", *OF_ACTIVATIONS}


@dataclass(frozen=True)
class ScoreRequest:
    """Everything that decides the result of a run, beside the project's traces and queries.

    Attributes:
        model: Folder or hub id of the reference model.
        adapter: Folder or hub id of a PEFT adapter; its layers are then the ones attributed.
        base: Folder or hub id of the model that it was fine-tuned from, for what compares with it; with an adapter it is
            the model without it.
        scores: Families of `SCORES` and `FURTHER`. The numbers of tokens and steps always come along.
        steps: Split influence over the steps of "all" traces, of "none", or of so many of the most and of the least
            helpful ones of each group (a forward pass of dual numbers over each of them). The values of single tokens
            are kept only where it is a number.
        dtype: "float32", "bfloat16" or "float64" for weights and activations; sums are float32 or better. "auto" is
            bfloat16 where the device computes in it, else float32.
        device: "auto", "cpu", "cuda", ...
        modules: Layers that influence is attributed to: "all", "mlp", "attention" or a regular expression.
        damping: lambda in units of each layer's mean eigenvalue.
        tolerance: Relative error that the low rank of the queries may make, under the fitted curvature; 0 keeps them
            whole. The run records what is left if the rank does not allow for it.
        rank: Directions that a side of a layer gets in the mean, at most, whatever the tolerance asks for.
        solver: "ekfac" inverts the fitted curvature; "astra" refines that by steps on the Gauss-Newton matrix itself
            (2507.14740), for the groups only.
        factor_traces: The EK-FAC factors are fitted on so many traces at most.
        covariance_traces: Their eigenvectors on so many of these, or on more where they are short.
        stability: The factors' sample stops growing when they are predicted to be as reliable; 1 takes all of it.
        factor_block: Width of the diagonal blocks of wider covariances; 0 keeps them whole.
        labels: Of the factors: "sampled" from the model, or the "data"'s own.
        projection: Numbers that less and outlier keep of a gradient; a power of 2.
        contamination: Share of the traces that outlier takes for such; it draws a line, and changes no score.
        segment_points: Points on the way of the integrated gradients of `segments`; each is a forward and a backward
            pass.
        max_tokens: Longer traces are not scored, and say so (0: as many as the model has positions for).
        token_budget: Tokens a batch; 0 is as many as are worth it and fit.
        memory_gb: What a run may take beside the model, in GB; 0 is what is free. Factors and query gradients that do
            not fit are worked on by groups of layers.
        seed: Of the factor sample, of the sampled labels, of the projection, of the isolation forest and of the
            fine-tunings for lossdiff and irm.
        tune_epochs: Passes over a group's queries that the model is fine-tuned for, for lossdiff and irm.
        tune_learning_rate: Peak of it; 0 is what `curation train` takes for all weights, or for an adapter.
        irm_beta: DPO's beta; it scales irm and changes no order.
    """

    model: str
    adapter: str = ""
    base: str = ""
    scores: tuple[str, ...] = SCORES
    steps: str = "10"
    dtype: str = "auto"
    device: str = "auto"
    modules: str = "all"
    damping: float = 0.1
    tolerance: float = 0.1
    rank: int = 64
    solver: str = "ekfac"
    factor_traces: int = 256
    covariance_traces: int = 16
    stability: float = 0.5
    factor_block: int = 0
    labels: str = "sampled"
    projection: int = 8192
    contamination: float = 0.3
    segment_points: int = 20
    max_tokens: int = 0
    token_budget: int = 0
    memory_gb: float = 0.0
    seed: int = 0
    tune_epochs: float = 1.0
    tune_learning_rate: float = 0.0
    irm_beta: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: A score is unknown, or a number is out of its range.
        """
        for name in self.scores:
            if name not in (*SCORES, *FURTHER):
                known = ", ".join((*SCORES, *FURTHER))
                raise ScoringError(f"There is no score {name!r}; choose from all, {known}.")
        if not self.scores:
            raise ScoringError(f"No score is asked for; choose from all, {', '.join(SCORES)}.")
        if "concept-projection" in self.scores and not (self.base or self.adapter):
            raise ScoringError(
                "concept-projection compares with the base model; name it with --base, or leave that score out."
            )
        for option, value, choices in (
            ("--labels", self.labels, ("sampled", "data")),
            ("--solver", self.solver, ("ekfac", "astra")),
        ):
            if value not in choices:
                raise ScoringError(f"{option} is {' or '.join(choices)}, not {value!r}.")
        if self.steps not in ("all", "none") and not self.steps.isdecimal():
            raise ScoringError(f"--steps is all, none or a number of traces, not {self.steps!r}.")
        if self.damping <= 0 or self.factor_traces < 2 or self.covariance_traces < 2 or self.rank < 1:
            raise ScoringError("Damping must be above 0, rank at least 1, and factor traces at least 2.")
        if not 0 <= self.tolerance < 1 or not 0 < self.stability <= 1:
            raise ScoringError("Tolerance lies between 0 and 1, and stability above 0 and not above 1.")
        if not 2 <= self.projection <= 2**20 or self.projection & (self.projection - 1):
            raise ScoringError(f"--projection is a power of 2 such as 8192, not {self.projection}.")
        if not 0 < self.contamination <= 0.5:
            raise ScoringError(f"--contamination lies between 0 and 0.5, not at {self.contamination:g}.")
        if self.segment_points < 1:
            raise ScoringError("Segments need at least one point (--segment-points).")
        if self.token_budget < 0 or self.memory_gb < 0 or self.factor_block < 0 or self.max_tokens < 0:
            raise ScoringError("A token budget, memory, block width or number of tokens is never below 0.")
        if not (self.tune_epochs > 0 and self.tune_learning_rate >= 0 and self.irm_beta > 0):
            raise ScoringError("Epochs to tune and beta must be above 0, and the learning rate 0 or more.")

    def key(self, *, revision: str, files: Sequence[str], template: str) -> str:
        """A hash of all that decides the result: the request, the model's content, traces, queries and template."""
        content = {**asdict(self), "revision": revision, "files": list(files), "template": template}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def parse_scores(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of families; `all` in it stands for all of `SCORES`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(one for name in names for one in (SCORES if name == "all" else (name,))))
