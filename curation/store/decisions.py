"""Deciding, and taking it back: what is written to the log of decisions."""

from collections.abc import Sequence
from typing import Literal, get_args

from curation.errors import ProjectError
from curation.store.database import Connection, rows
from curation.store.log import Decided, append, transaction
from curation.store.project import Project

Verdict = Literal["keep", "veto", "undecided"]
# Numbers of events that are taken back: undone, and the undo not undone in turn by a redo. An undo names the decision
# that it takes back, a redo the undo.
_TAKEN_BACK = """
    SELECT undoes FROM decisions WHERE undoes IS NOT NULL AND number NOT IN
    (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)
"""


def decide(
    project: Project,
    trace_ids: Sequence[str],
    verdict: Verdict,
    *,
    reason: str = "",
    note: str = "",
    actor: str = "",
    step: tuple[int, int] | None = None,
) -> Decided:
    """Record one verdict on one or many traces, as one step that one undo takes back. On disk when this returns.

    Args:
        project: The project.
        trace_ids: Of the traces.
        verdict: What is decided.
        reason: Why, in a word or two.
        note: Anything more.
        actor: Who decides.
        step: Start and stop, in characters of the response, if the verdict is about a step alone: a vetoed step stays in
            the trace and leaves the loss; "undecided" lets it back in.

    Raises:
        ProjectError: The verdict is none of keep, veto, undecided, or the log stays locked.
    """
    if verdict not in get_args(Verdict):
        raise ProjectError(f"{verdict!r} is no verdict; use keep, veto or undecided.")
    if step and (verdict == "keep" or not 0 <= step[0] < step[1]):
        raise ProjectError(f"Step {step} cannot be given {verdict!r}: a step is vetoed, or undecided.")
    start, stop = step or (None, None)
    places = [(trace_id, start, stop) for trace_id in dict.fromkeys(trace_ids)]
    return _decide(project, places, verdict, reason, note, actor)


def veto_steps(
    project: Project,
    steps: Sequence[tuple[str, int, int]],
    *,
    reason: str = "",
    note: str = "",
    actor: str = "",
) -> Decided:
    """Take many steps out of the loss, as one decision that one undo takes back. On disk when this returns.

    Args:
        project: The project.
        steps: Trace id, start and stop of each, in characters of the response.
        reason: Why, in a word or two.
        note: Anything more.
        actor: Who decides.

    Raises:
        ProjectError: A span is empty or out of place, or the log stays locked.
    """
    for trace_id, start, stop in steps:
        if not 0 <= start < stop:
            raise ProjectError(f"Step {(start, stop)} of {trace_id} is no step; nothing was decided.")
    return _decide(project, list(dict.fromkeys(steps)), "veto", reason, note, actor)


def _decide(
    project: Project,
    places: Sequence[tuple[str, int | None, int | None]],
    verdict: Verdict,
    reason: str,
    note: str,
    actor: str,
) -> Decided:
    """One verdict on traces and steps, as one batch of events."""

    def write(log: Connection) -> Decided:
        events = [(trace_id, verdict, reason, note, None, start, stop) for trace_id, start, stop in places]
        return append(log, events, actor)

    return transaction(project, write) if places else Decided(0, 0)


def undo(project: Project, *, actor: str | None = None) -> Decided:
    """Take back the last step (single or bulk) not yet taken back; give its traces the verdict of what still stands.

    Args:
        project: The project.
        actor: Only steps of this reviewer; of anyone if None.
    """

    def take_back(log: Connection) -> Decided:
        last = rows(
            log,
            f"""SELECT max(batch) FROM decisions
                WHERE undoes IS NULL AND number NOT IN ({_TAKEN_BACK}) AND ($1 IS NULL OR actor = $1)""",
            [actor],
        )[0][0]
        if last is None:
            return Decided(0, 0)
        events = rows(
            log,
            f"""WITH undone AS (SELECT trace_id, start, stop, number FROM decisions WHERE batch = $1),
                    standing AS (SELECT * FROM decisions WHERE undoes IS NULL AND batch <> $1
                                 AND number NOT IN ({_TAKEN_BACK}))
               SELECT undone.trace_id, coalesce(arg_max(standing.verdict, standing.number), 'undecided'),
                      coalesce(arg_max(standing.reason, standing.number), ''),
                      coalesce(arg_max(standing.note, standing.number), ''), undone.number, undone.start, undone.stop
               FROM undone LEFT JOIN standing ON standing.trace_id = undone.trace_id
                   AND standing.start IS NOT DISTINCT FROM undone.start
                   AND standing.stop IS NOT DISTINCT FROM undone.stop
               GROUP BY ALL ORDER BY undone.number""",
            [last],
        )
        return append(log, events, actor or "")

    return transaction(project, take_back)


def redo(project: Project, *, actor: str | None = None) -> Decided:
    """Take back the last undo, if nothing was decided since: its traces get the verdict again that it took from them.

    Args:
        project: The project.
        actor: Only undos of this reviewer, and only their own decisions count as new ones; of anyone if None.
    """

    def bring_back(log: Connection) -> Decided:
        last = rows(
            log,
            f"""SELECT max(u.batch) FROM decisions u JOIN decisions d ON d.number = u.undoes AND d.undoes IS NULL
                WHERE u.number NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)
                AND u.undoes IN ({_TAKEN_BACK}) AND ($1 IS NULL OR u.actor = $1)
                AND u.batch > coalesce((SELECT max(batch) FROM decisions
                                        WHERE undoes IS NULL AND ($1 IS NULL OR actor = $1)), 0)""",
            [actor],
        )[0][0]
        if last is None:
            return Decided(0, 0)
        events = rows(
            log,
            """SELECT d.trace_id, d.verdict, d.reason, d.note, u.number, d.start, d.stop
               FROM decisions u JOIN decisions d ON d.number = u.undoes WHERE u.batch = $1 ORDER BY u.number""",
            [last],
        )
        return append(log, events, actor or "")

    return transaction(project, bring_back)
