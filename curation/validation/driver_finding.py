"""Whether a score is a feature of the text in disguise, in plain words."""

from curation.selection.drivers import Driver, Drivers, Estimate
from curation.validation.finding import Finding, low_is_good

# Share of a ranking that length alone explains, from which on it is mostly length, and from which on partly.
LENGTH = (0.5, 0.2)
_LENGTHS = ("tokens", "characters")
# A feature that differs between otherwise equal traces in fewer of them than this is one and the same with the others.
APART = 0.5


def driver_finding(found: Drivers) -> Finding:
    """What a score's ranking follows from; the verdict is about length."""
    question = f"Is {found.score} a feature of the text in disguise?"
    columns = (
        "feature",
        "Spearman",
        "of the ranking, alone",
        "95% interval",
        "moves by places of 100, others alike",
        "95% interval",
        "share of impact",
        "compared",
    )
    rows = tuple(_row(one) for one in found.drivers)
    length = next((one for one in found.drivers if one.name in _LENGTHS), None)
    if length is None:
        words = f"Not known: all traces have one length. {_alike(found)}"
        return Finding(question, "not known", words, columns, rows)
    if found.score == length.name:
        return Finding(question, "not known", f"`{found.score}` is length itself.", columns, rows)
    verdict = low_is_good(length.alone.value, LENGTH)
    how = {
        "believe": "is more than length",
        "be careful": "is partly length",
        "do not use": "is mostly length",
    }[verdict]
    said = (
        f"`{found.score}` {how}: {_share(length.alone.value)} of its ranking follows from {length.name} alone "
        f"({_interval(length.alone)})."
    )
    most = max(found.drivers, key=lambda one: one.alone.value)
    if most.name not in _LENGTHS and most.alone.low > LENGTH[1]:
        said += (
            f" {most.name.capitalize()} alone explains {_share(most.alone.value)} ({_interval(most.alone)})."
        )
    return Finding(question, verdict, f"{said} {_alike(found)}", columns, rows)


def _alike(found: Drivers) -> str:
    """What moves it when all else is held alike."""
    same = [one.name for one in found.drivers if one.compared < APART]
    tied = f" Too few traces differ in {' or '.join(same)} alone to tell what that does." if same else ""
    sure = [one for one in found.drivers if _sure(one)]
    if not sure:
        return f"With all other features alike, none moves it for sure.{tied}"
    first = sure[0]
    return (
        f"With all other features alike, {first.name} moves it most: a trace goes up or down by {first.alike.value:.1f} places of "
        f"100 on average ({first.alike.low:.1f} to {first.alike.high:.1f}).{tied}"
    )


def _sure(one: Driver) -> bool:
    return one.alike.low > 0 and one.compared >= APART


def _row(one: Driver) -> tuple[str, ...]:
    return (
        one.name,
        "—" if one.spearman is None else f"{one.spearman:+.2f}".replace("-", "\u2212"),
        _share(one.alone.value),
        _interval(one.alone),
        f"{one.alike.value:.1f}".replace("-", "\u2212"),
        f"{one.alike.low:.1f} to {one.alike.high:.1f}".replace("-", "\u2212"),
        # A share of what may be nothing says nothing.
        f"{one.impact:.0%}" if _sure(one) else "—",
        f"{one.compared:.0%}",
    )


def _interval(one: Estimate) -> str:
    return f"{_share(one.low)} to {_share(one.high)}"


def _share(value: float) -> str:
    return f"{max(0.0, value):.0%}"
