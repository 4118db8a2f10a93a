"""What is known of a run's scores, each finding with a verdict in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["believe", "be careful", "do not use", "not known"]


@dataclass(frozen=True)
class Finding:
    """One answer to "can I believe this?".

    Attributes:
        question: What is asked.
        verdict: Of the run's first influence score, which recipes read by default.
        words: The answer in plain words.
        columns: Titles of the evidence.
        rows: The evidence, one row a score or recipe; the first column is its name.
    """

    question: str
    verdict: Verdict
    words: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def overall(findings: Sequence[Finding]) -> Verdict:
    """The worst verdict of all; what is not known is a reason to be careful."""
    said = {one.verdict for one in findings}
    if "do not use" in said:
        return "do not use"
    return "be careful" if said & {"be careful", "not known"} else "believe"


def high_is_good(value: float, at: tuple[float, float]) -> Verdict:
    """The verdict of a value that is good from `at[0]` on and bad below `at[1]`."""
    return "believe" if value >= at[0] else "be careful" if value >= at[1] else "do not use"


def low_is_good(value: float, at: tuple[float, float]) -> Verdict:
    """The verdict of a value that is bad from `at[0]` on and good below `at[1]`."""
    return "do not use" if value >= at[0] else "be careful" if value >= at[1] else "believe"


def markdown(findings: Sequence[Finding]) -> str:
    """Findings for people."""
    lines = [f"**{overall(findings)}**"]
    for one in findings:
        lines += ["", f"**{one.question}** {one.verdict}", "", one.words]
        if one.rows:
            lines += ["", f"| {' | '.join(one.columns)} |", f"|{'---|' * len(one.columns)}"]
            lines += [f"| {' | '.join(row)} |" for row in one.rows]
    return "\n".join(lines)
