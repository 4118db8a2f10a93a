"""What came of unlearning: a set beside random sets, in one verdict, one table, one file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from statistics import fmean
from typing import Any

from curation.store.project import Project
from curation.store.publish import write_whole
from curation.validation.compare import Difference, paired
from curation.validation.finding import Finding, Verdict
from curation.validation.trial import Trial

BEFORE = "before"
REPORTS = "reports"


@dataclass(frozen=True)
class Unlearned:
    """Unlearnings of a set and of random sets as large, paired by seed.

    Attributes:
        chosen: What was forgotten, as in "cluster 3".
        model: The model that forgot.
        traces: How many traces it forgot each time.
        steps: Optimiser steps of each unlearning.
        before: The model as it was.
        own: After the set was forgotten, one a seed.
        random: After random traces were, one a seed.
    """

    chosen: str
    model: str
    traces: int
    steps: int
    before: Trial
    own: Sequence[Trial]
    random: Sequence[Trial]

    def as_dict(self) -> dict[str, Any]:
        """The report for machines."""
        measures = {"log_likelihood": _log_likelihood, "accuracy": _accuracy}
        differences = {
            name: {what: None if one is None else asdict(one) for what, one in self._differences(of).items()}
            for name, of in measures.items()
        }
        finding = self.finding
        return {
            **asdict(self),
            "differences": differences,
            "verdict": finding.verdict,
            "words": finding.words,
        }

    @property
    def finding(self) -> Finding:
        """Does forgetting this improve held-out answers?"""
        accuracy = self._differences(_accuracy)
        likelihood = self._differences(_log_likelihood)
        columns = (
            "model",
            "accuracy",
            "minus before",
            "minus random",
            "log-likelihood a token",
            "minus before",
            "minus random",
        )
        rows = [
            _row(BEFORE, [self.before], None, None, None, None),
            _row(
                f"forgot {self.traces:,} random traces",
                self.random,
                accuracy["random minus before"],
                None,
                likelihood["random minus before"],
                None,
            ),
            _row(
                f"forgot {self.chosen}",
                self.own,
                accuracy["minus before"],
                accuracy["minus random"],
                likelihood["minus before"],
                likelihood["minus random"],
            ),
        ]
        question = f"Does forgetting {self.chosen} improve held-out answers?"
        measure, found = (
            ("accuracy", accuracy) if accuracy["minus random"] else ("log-likelihood", likelihood)
        )
        verdict, words = _judge(self.chosen, measure, found)
        return Finding(question, verdict, words, columns, tuple(rows))

    def _differences(self, of: Any) -> dict[str, Difference | None]:
        """Paired by seed; None where nothing could be graded."""
        own, random = [of(one) for one in self.own], [of(one) for one in self.random]
        before = [of(self.before)] * len(own)
        if None in (*own, *random, *before):
            return dict.fromkeys(("minus before", "minus random", "random minus before"))
        return {
            "minus before": paired(own, before),
            "minus random": paired(own, random),
            "random minus before": paired(random, before),
        }


def keep_unlearned(project: Project, made: Unlearned) -> None:
    """Keep the report in `validation/unlearn/reports/`, in place of an older one on the same set, model and traces."""
    name = sha256(f"{made.chosen}\n{made.model}\n{made.traces}\n{made.steps}".encode()).hexdigest()[:12]
    folder = project.root / "validation" / "unlearn" / REPORTS
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.json", json.dumps(asdict(made), ensure_ascii=False, indent=1).encode())


def kept_unlearned(project: Project) -> list[Unlearned]:
    """Every report that is there, the newest first; damaged files are left out."""
    found = []
    for path in (project.root / "validation" / "unlearn" / REPORTS).glob("*.json"):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            kept["before"] = Trial(**kept["before"])
            for name in ("own", "random"):
                kept[name] = [Trial(**one) for one in kept[name]]
            found.append((path.stat().st_mtime, Unlearned(**kept)))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _judge(chosen: str, measure: str, found: dict[str, Difference | None]) -> tuple[Verdict, str]:
    """Better than random and than before, or not; the verdict is about the traces, so that "do not use" is of them."""
    random, before = found["minus random"], found["minus before"]
    if random is None or before is None:
        return "not known", "Not known: nothing could be measured."
    said = f"In {measure}, forgetting {chosen} changes {_signed(random)} beyond random traces, and {_signed(before)} beyond before"
    if random.low is None or random.high is None:
        return (
            "not known",
            f"{said}, on one seed: nothing can be said of chance. Ask for three seeds or more.",
        )
    if random.low > 0:
        if before.mean > 0:
            return (
                "do not use",
                f"{said}: the model is better without these traces. Read them, and leave them out.",
            )
        return (
            "be careful",
            f"{said}: it costs less than forgetting random traces, but it gains nothing; look at what is in them.",
        )
    if random.high < 0:
        return "believe", f"{said}: the model needs these traces more than random ones."
    return "believe", f"{said}: not told apart from random traces, so there is no reason to leave them out."


def _row(
    name: str,
    trials: Sequence[Trial],
    accuracy: Difference | None,
    accuracy_random: Difference | None,
    likelihood: Difference | None,
    likelihood_random: Difference | None,
) -> tuple[str, ...]:
    right = [one.accuracy for one in trials if one.accuracy is not None]
    return (
        name,
        f"{fmean(right):.3f}" if len(right) == len(trials) else "—",
        _signed(accuracy),
        _signed(accuracy_random),
        f"{fmean(one.log_likelihood for one in trials):.4f}",
        _signed(likelihood),
        _signed(likelihood_random),
    )


def _signed(one: Difference | None) -> str:
    if one is None:
        return "—"
    interval = "" if one.low is None or one.high is None else f" ({one.low:+.3f} to {one.high:+.3f})"
    return f"{one.mean:+.3f}{interval}".replace("-", "\u2212")


def _log_likelihood(one: Trial) -> float:
    return one.log_likelihood


def _accuracy(one: Trial) -> float | None:
    return one.accuracy
