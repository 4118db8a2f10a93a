"""Whether influence is something else in disguise, and whether anything else sees the same."""

import math

from curation.selection.agreement import Agreement
from curation.validation.finding import Finding, Verdict, low_is_good

INFLUENCE = "influence/"
# From which value on a finding is bad, and from which on it is not good.
LENGTH = (0.8, 0.5)
SAME, STRANGE = 0.9, 0.1


def length_finding(agreed: Agreement) -> Finding:
    """Whether a score is mostly the length of a trace."""
    question = "Is it more than length?"
    columns = ("score", "rank correlation with tokens")
    if "tokens" not in agreed.names:
        return Finding(question, "not known", "Not known: the run counted no tokens.", columns)
    with_tokens = _column(agreed, "tokens")
    rows = tuple((name, _signed(value)) for name, value in with_tokens.items() if name != "tokens")
    name, first = next((name, value) for name, value in with_tokens.items() if name.startswith(INFLUENCE))
    if math.isnan(first):
        return Finding(
            question, "not known", "Not known: the traces are all of one length, or too few.", columns, rows
        )
    verdict = low_is_good(abs(first), LENGTH)
    longer = "longer" if first > 0 else "shorter"
    more = {
        "believe": "length is a small part of it.",
        "be careful": f"it likes {longer} traces; compare with influence-mean, which is by token, before pruning hard.",
        "do not use": f"it is mostly a preference for {longer} traces; use influence-mean, which is by token.",
    }[verdict]
    return Finding(
        question, verdict, f"{name} goes with the number of tokens at {_signed(first)}: {more}", columns, rows
    )


def agreement_finding(agreed: Agreement) -> Finding:
    """Whether any other kind of score sees the same, and whether it sees nothing else."""
    question = "Does any other score see the same?"
    others = [name for name in agreed.names if not name.startswith(INFLUENCE) and name != "tokens"]
    influences = [name for name in agreed.names if name.startswith(INFLUENCE)]
    columns = ("score", *others)
    rows = tuple((name, *(_signed(_rho(agreed, name, other)) for other in others)) for name in influences)
    known = {other: _rho(agreed, influences[0], other) for other in others}
    known = {other: value for other, value in known.items() if not math.isnan(value)}
    if not known:
        return Finding(question, "not known", "Not known: the run has no other kind of score.", columns, rows)
    nearest = max(known, key=lambda other: abs(known[other]))
    rho, name = known[nearest], influences[0]
    said = f"{name} is nearest to {nearest}, at {_signed(rho)}"
    verdict: Verdict = "be careful"
    if abs(rho) >= SAME:
        words = f"{said}: {nearest} costs less and says nearly the same here."
    elif abs(rho) < STRANGE:
        words = (
            f"{said}: nothing else sees what it sees. Read both ends of the ranking before you prune by it."
        )
    else:
        verdict, words = "believe", f"{said}: it is no other score in disguise."
    return Finding(question, verdict, words + _twins(agreed), columns, rows)


def _twins(agreed: Agreement) -> str:
    """A warning where right and wrong completions rank the traces alike, so that their difference is noise."""
    both = [f"{INFLUENCE}{group}" for group in ("correct", "incorrect")]
    if not set(both) <= set(agreed.names) or not (rho := _rho(agreed, *both)) >= LENGTH[0]:
        return ""
    return (
        f" {both[0]} and {both[1]} agree at {_signed(rho)}: wrong answers share most tokens with right ones, so recipes "
        "that read both have little to go by."
    )


def _rho(agreed: Agreement, one: str, other: str) -> float:
    return float(agreed.rho[agreed.names.index(one), agreed.names.index(other)])


def _column(agreed: Agreement, name: str) -> dict[str, float]:
    return {other: _rho(agreed, name, other) for other in agreed.names}


def _signed(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:+.2f}".replace("-", "\u2212")
