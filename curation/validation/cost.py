"""What trainings will take, told from what those before them took."""

from collections.abc import Iterable
from statistics import fmean

from curation.validation.trial import Trial

MINUTE, HOUR = 60.0, 3600.0


def time_of(trials: int, done: Iterable[Trial]) -> str:
    """How long so many more trainings like those done will take, as in "about 5 minutes"; "" if that is not known."""
    known = [one.seconds for one in done if one.seconds > 0]
    return f"about {duration(trials * fmean(known))}" if known and trials else ""


def duration(seconds: float) -> str:
    """A time in words, in the unit that fits it."""
    if seconds < 1.5 * MINUTE:
        return _many(max(1, round(seconds)), "second")
    if seconds < 1.5 * HOUR:
        return _many(round(seconds / MINUTE), "minute")
    return f"{seconds / HOUR:,.1f} hours"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
