"""Problems that a model is asked: a prompt, the right final answer and a right completion."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from curation.errors import SourceError
from curation.models.final_answer import MARKED, final_answer
from curation.store.catalogue import Catalogue
from curation.traces.readers import read_rows, source_name
from curation.traces.rows import Unreadable, storable
from curation.traces.shapes import RECOGNISED, Fields, read_trace
from curation.traces.trace import content_id

_SHORT = 100


@dataclass(frozen=True)
class Problem:
    """A problem.

    Attributes:
        prompt: What is asked.
        solution: A right completion, whose likelihood can be measured.
        reference: The right final answer alone; "" where none is known, so that answers cannot be graded.
        system: The system message; "" where there is none.
        source: File, dataset or group of queries that it came from.
        source_row: Its place there, counted from 1.
    """

    prompt: str
    solution: str
    reference: str = ""
    system: str = ""
    source: str = ""
    source_row: int = 0

    @property
    def problem_id(self) -> str:
        """16 hex digits of the hash of what is asked and what is right."""
        return content_id(self.system, self.prompt, self.reference)


def read_problems(
    source: str,
    *,
    fields: Fields = RECOGNISED,
    split: str | None = None,
    limit: int | None = None,
    on_rejected: Callable[[Unreadable], None] | None = None,
) -> list[Problem]:
    """Read problems from a source of any shape that traces and queries come in; each is taken once.

    Args:
        source: A .jsonl, .jsonl.gz, .json or .parquet file, a folder written by `save_to_disk`, or a hub id.
        fields: Names of the columns; what is not named is recognised.
        split: Of a dataset with splits, which one.
        limit: At most this many, from the beginning.
        on_rejected: Called with each row that is no problem, and why.

    Raises:
        SourceError: The source cannot be read, or holds no problem.
    """
    found: dict[str, Problem] = {}
    first_reason = ""
    for row in read_rows(source, split):
        if limit is not None and len(found) >= limit:
            break
        try:
            if isinstance(row, Unreadable):
                raise SourceError(row.reason)
            trace = read_trace(row.values, fields)
        except (SourceError, RecursionError) as error:
            first_reason = first_reason or str(error)
            if on_rejected:
                on_rejected(Unreadable(row.number, storable(str(error)), row.raw))
            continue
        reference = trace.answer or reference_in(trace.response)
        problem = Problem(
            trace.prompt, trace.response, reference, trace.system, source_name(source), row.number
        )
        found.setdefault(problem.problem_id, problem)
    if not found:
        why = f"; the first row: {first_reason}" if first_reason else ""
        raise SourceError(f"{source} holds no problem with a prompt and an answer{why}.")
    return list(found.values())


def problems_of_group(catalogue: Catalogue, group: str) -> list[Problem]:
    """The problems behind a query group: each prompt once, with its first completion as the solution.

    Completions that are wrong or weighted token by token are no solutions and stay out.

    Raises:
        SourceError: The group holds none.
    """
    rows = catalogue.rows(
        """SELECT prompt, completion, system FROM queries
           WHERE "group" = ? AND is_correct IS DISTINCT FROM false AND token_weights IS NULL
           ORDER BY source, source_row, query_id""",
        [group],
    )
    if not rows:
        groups = [name for (name,) in catalogue.rows('SELECT DISTINCT "group" FROM queries ORDER BY 1')]
        raise SourceError(
            f"There is no right completion in group {group!r} (groups: {', '.join(groups) or 'none'}); "
            "give held-out problems with --problems, or add some with `curation queries`."
        )
    return _each_prompt_once(
        Problem(prompt, completion, reference_in(completion), system or "", f"group {group}", number)
        for number, (prompt, completion, system) in enumerate(rows, 1)
    )


def reference_in(solution: str) -> str:
    """The final answer that a right completion marks, or the completion itself if it is one short line."""
    found = final_answer(solution)
    if found.how == MARKED:
        return found.text
    line = solution.strip()
    return line if "\n" not in line and len(line) <= _SHORT else ""


def _each_prompt_once(problems: Iterable[Problem]) -> list[Problem]:
    kept: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        kept.setdefault((problem.system, problem.prompt), problem)
    return list(kept.values())
