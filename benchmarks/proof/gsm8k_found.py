"""What GSM8K's trainings came to: figures, and the tables of docs/proof.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.markdown import interval, percent, table, value
from benchmarks.proof.plan import DEFAULT, RANDOM
from curation.validation.compare import paired
from curation.validation.trial import Trial


@dataclass(frozen=True)
class Measurement:
    """What came of one training.

    Attributes:
        trial: Its accuracy and log-likelihood.
        tokens: Of the problems' solutions.
        of_problems: Log-likelihood of each problem's solution, in nats.
    """

    trial: Trial
    tokens: int
    of_problems: Sequence[float]


def compared(trained: Mapping[str, Mapping[str, Sequence[Measurement]]]) -> dict[str, Any]:
    """Arm -> share -> [accuracy, nats a token] of each training; nats a token minus random's, and the default's minus its.

    Differences have intervals over problems, of the mean over trainings: they say what other problems would show of
    these very trainings, and nothing of other trainings. Two arms are compared by the seeds that both have.
    """
    values = {
        name: {
            share: [[one.trial.accuracy, one.trial.log_likelihood] for one in found]
            for share, found in shares.items()
        }
        for name, shares in trained.items()
    }

    def minus(name: str, other: str) -> dict[str, list[float | None]]:
        shares = [share for share in trained.get(name, ()) if share in trained.get(other, ())]
        return {share: _difference(trained[name][share], trained[other][share]) for share in shares}

    return {
        "trained": values,
        "minus_random": {name: minus(name, RANDOM) for name in trained if name != RANDOM},
        "default_minus": {name: minus(DEFAULT, name) for name in trained if name != DEFAULT},
    }


def _difference(found: Sequence[Measurement], other: Sequence[Measurement]) -> list[float | None]:
    """[mean, low, high], in nats a token."""
    seeds = min(len(found), len(other))
    difference = paired(_by_problem(found[:seeds]), _by_problem(other[:seeds]))
    length = found[0].tokens / len(found[0].of_problems)
    ends = (difference.mean, difference.low, difference.high)
    return [None if end is None else end / length for end in ends]


def _by_problem(found: Sequence[Measurement]) -> list[float]:
    """Log-likelihood of each problem's solution, in nats, mean over trainings."""
    return [fmean(one) for one in zip(*(one.of_problems for one in found), strict=True)]


def gsm8k_tables(found: Mapping[str, Any]) -> str:
    """What training on each choice came to, trainings side by side, and what was found of the spoilt ones."""
    rows = []
    for share in found["trained"][RANDOM]:
        for name, shares in found["trained"].items():
            if share not in shares:
                continue
            accuracy = ", ".join(f"{one[0]:.3f}" for one in shares[share])
            likelihood = ", ".join(f"{one[1]:.4f}" for one in shares[share])
            minus = interval(found["minus_random"].get(name, {}).get(share), 4)
            default = interval(found["default_minus"].get(name, {}).get(share), 4)
            rows.append([f"`{name}`", percent(share), likelihood, minus, default, accuracy])
    head = ["recipe", "pruned", "nats a token, by seed", "minus random", f"`{DEFAULT}` minus it"]
    head.append("accuracy, by seed")
    kinds = list(next(iter(found["auc"].values())))
    detected = [[f"`{name}`", *(value(of[kind], 2) for kind in kinds)] for name, of in found["auc"].items()]
    return f"{table(head, rows)}\n\n{table(['ROC-AUC', *kinds], detected)}"
