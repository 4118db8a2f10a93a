"""How well a model does on held-out problems: likelihood of their solutions, and accuracy of its own answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import ScoringError
from curation.models.encode import encode
from curation.models.load import LanguageModel
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.likelihood import Likelihood
from curation.store.kept_answers import Answer
from curation.validation.answers import ASKING, Asking, answer_batches
from curation.validation.problems import Problem

LIKELIHOOD_BUDGET = 4096


@dataclass(frozen=True)
class Measured:
    """What was measured on held-out problems.

    Attributes:
        log_likelihood: Nats a token of the problems' solutions, over all of their tokens; higher is better.
        tokens: How many tokens that were.
        too_long: Problems that do not fit into the model's positions and are left out of the likelihood.
        accuracy: Share of the graded problems that the model answers right; None if none can be graded.
        graded: How many problems that were.
        answers: Every answer of the model, with its verdict.
        of_problems: Log-likelihood of each problem's solution, in nats over all of its tokens; None where it is too long.
            Differences of two models have far less spread over problems than the values themselves.
    """

    log_likelihood: float
    tokens: int
    too_long: int
    accuracy: float | None
    graded: int
    answers: tuple[Answer, ...]
    of_problems: tuple[float | None, ...]


def measure(
    model: LanguageModel, problems: Sequence[Problem], *, template: str = "auto", asking: Asking = ASKING
) -> Measured:
    """Measure a model on held-out problems.

    Raises:
        ScoringError: No problem fits into the model's positions.
    """
    encoded = [
        encode(model.tokenizer, one.prompt, one.solution, template=template, system=one.system)
        for one in problems
    ]
    fitting = [one for one in encoded if len(one) <= model.max_tokens]
    if not fitting:
        raise ScoringError("No held-out problem fits into the model's positions; give shorter ones.")
    likelihood = Likelihood.of(len(fitting), model.device)
    for batch in batches_of(model, fitting, LIKELIHOOD_BUDGET):
        fused_pass(model, batch, [likelihood])
    tokens = int(likelihood.tokens.sum())
    each = iter(likelihood.nll.tolist())
    gradable = [one for one in problems if one.reference]
    answers = [one for batch in answer_batches(model, gradable, template, asking) for one in batch]
    right = sum(bool(one.is_correct) for one in answers)
    return Measured(
        log_likelihood=-float(likelihood.nll.sum()) / tokens,
        tokens=tokens,
        too_long=len(encoded) - len(fitting),
        accuracy=right / len(answers) if answers else None,
        graded=len(answers),
        answers=tuple(answers),
        of_problems=tuple(-next(each) if len(one) <= model.max_tokens else None for one in encoded),
    )
