"""One trace, read in full: its text, where it stands in each score, its steps, its history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of
from curation.store.log import BY
from curation.store.verdicts import VERDICTS, verdicts_of

# A browser shows a part this long at once; a longer response is read part by part.
PART = 50_000


@dataclass(frozen=True)
class Reading:
    """A trace as the reader shows it.

    Attributes:
        trace_id: The trace.
        prompt: Its problem, cut at PART characters.
        response: One part of its response.
        part: Which part, from 0.
        start: Character offset of the part in the response.
        length: Characters of the whole response.
        answer: Its final answer, if the source names one.
        system: Its system message.
        metadata: The other columns of the source row, as JSON text.
        source: Where it came from.
        source_row: Its line there.
        duplicates: Other rows of any source with the same content.
        verdict: What holds now: keep, veto or undecided.
    """

    trace_id: str
    prompt: str
    response: str
    part: int
    start: int
    length: int
    answer: str
    system: str
    metadata: str
    source: str
    source_row: int
    duplicates: int
    verdict: str

    @property
    def parts(self) -> int:
        """How many parts the response has."""
        return max(1, -(-self.length // PART))


@dataclass(frozen=True)
class Standing:
    """A score of a trace; value None if it was not computed."""

    name: str
    value: float | None
    standard_error: float | None


@dataclass(frozen=True)
class StepValue:
    """A step or token and what a score says of it; start and stop are character offsets into the response."""

    start: int
    stop: int
    value: float | None


@dataclass(frozen=True)
class Event:
    """A decision on a trace, or on one of its steps, as the log has it."""

    number: int
    verdict: str
    reason: str
    note: str
    actor: str
    time: datetime
    by: Literal["", "undo", "redo"]
    step: tuple[int, int] | None


def read(catalogue: Catalogue, trace_id: str, part: int = 0) -> Reading | None:
    """Read a trace; None if the project does not hold it."""
    frame = frame_of(catalogue)
    index = frame.index(trace_id)
    if index < 0:
        return None
    batch = catalogue.batch_aliases[frame.batch[index]]
    found = catalogue.rows(
        f"""SELECT trace_id, left(prompt, {PART}), substr(response, $1 * {PART} + 1, {PART}), $1, $1 * {PART},
                   length(response), answer, left(system, {PART}), left(metadata, {PART}), source, source_row,
                   (SELECT count(*) FROM duplicates d WHERE d.trace_id = $2)
            FROM {batch}.traces WHERE rowid = $3""",
        [part, trace_id, int(frame.row[index])],
    )
    verdict = VERDICTS[verdicts_of(catalogue).codes[index]]
    return Reading(*(*found[0], verdict))


def standings(catalogue: Catalogue, run_id: str, trace_id: str) -> dict[str, Standing]:
    """Every score of a trace in a run, by name."""
    found = catalogue.rows(
        "SELECT name, value, standard_error FROM scores WHERE run_id = ? AND trace_id = ?", [run_id, trace_id]
    )
    return {row[0]: Standing(*row) for row in found}


def steps(catalogue: Catalogue, run_id: str, trace_id: str) -> dict[str, list[StepValue]]:
    """The steps of a trace in a run, in order, for each score that was split over steps."""
    found = catalogue.rows(
        "SELECT name, start, stop, value FROM steps WHERE run_id = ? AND trace_id = ? ORDER BY name, step",
        [run_id, trace_id],
    )
    split: dict[str, list[StepValue]] = {}
    for name, start, stop, value in found:
        split.setdefault(name, []).append(StepValue(start, stop, value))
    return split


def tokens(catalogue: Catalogue, run_id: str, trace_id: str, length: int) -> dict[str, list[StepValue]]:
    """The tokens of a trace in a run, in order, for each score that was kept by token; none if none was.

    A token goes on to the start of the next. Tokens that start at one character, as bytes of it do, are one, with their
    sum. The end of the sequence starts and stops at the response's `length`.
    """
    found = catalogue.rows(
        "SELECT name, starts, token_values FROM tokens WHERE run_id = ? AND trace_id = ? ORDER BY name",
        [run_id, trace_id],
    )
    split: dict[str, list[StepValue]] = {}
    for name, starts, values in found:
        sums: dict[int, float] = {}
        for start, value in zip(starts, values, strict=True):
            sums[start] = sums.get(start, 0.0) + value
        places = sorted(sums)
        stops = [*places[1:], length]
        split[name] = [StepValue(a, b, sums[a]) for a, b in zip(places, stops, strict=True)]
    return split


def unscored_reason(catalogue: Catalogue, run_id: str, trace_id: str) -> str:
    """Why a run could not score a trace; "" if it could."""
    found = catalogue.rows(
        "SELECT reason FROM unscored WHERE run_id = ? AND trace_id = ?", [run_id, trace_id]
    )
    return str(found[0][0]) if found else ""


def history(catalogue: Catalogue, trace_id: str) -> list[Event]:
    """All decisions on a trace, newest first."""
    found = catalogue.rows(
        f"""SELECT number, verdict, reason, note, actor, time, {BY}, start, stop
            FROM decisions WHERE trace_id = ? ORDER BY number DESC""",
        [trace_id],
    )
    return [
        Event(number, verdict, reason, note, actor, time, by, None if start is None else (start, stop))
        for number, verdict, reason, note, actor, time, by, start, stop in found
    ]


def vetoed_steps(catalogue: Catalogue, trace_id: str) -> set[tuple[int, int]]:
    """Start and stop of each step of a trace that is vetoed now."""
    found = catalogue.rows("SELECT start, stop FROM step_vetoes WHERE trace_id = ?", [trace_id])
    return {(start, stop) for start, stop in found}
