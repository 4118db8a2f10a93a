"""What one run of one engine came to, and how well two of them agree."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scipy.stats import pearsonr, spearmanr

from benchmarks.measure import Measured

Scores = dict[str, list[float]]


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes:
        engine: Whose.
        command: As it was run, with placeholders for paths.
        date: When it ended, in UTC.
        measured: What it took.
        stages: Seconds by stage; what is in none of them is start, imports and the like.
        scores: Group -> (P,) influence in the order of the input's rows.
        facts: What else is worth telling: version, dtype, sample.
    """

    engine: str
    command: str
    date: str
    measured: Measured
    stages: dict[str, float]
    scores: Scores
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Any]:
        """Everything but the scores."""
        figures = asdict(self)
        del figures["scores"]
        return figures

    def save(self, path: Path) -> None:
        """Write it down whole."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        """Read what `save` wrote."""
        found = json.loads(path.read_text())
        return cls(**found | {"measured": Measured(**found["measured"])})


def agreement(outcomes: dict[str, Outcome]) -> list[dict[str, object]]:
    """Correlations of every pair of runs over the traces, group by group."""
    labels = list(outcomes)
    rows: list[dict[str, object]] = []
    for number, first in enumerate(labels):
        for second in labels[number + 1 :]:
            one, other = outcomes[first].scores, outcomes[second].scores
            for group in sorted(set(one) & set(other)):
                rows.append(
                    {
                        "first": first,
                        "second": second,
                        "group": group,
                        "spearman": round(float(spearmanr(one[group], other[group]).statistic), 5),
                        "pearson": round(float(pearsonr(one[group], other[group]).statistic), 5),
                    }
                )
    return rows
