"""Rollouts: a model's own answers to problems become the query groups that influence is measured on (METHODS 1).

| group | problems | completion |
|---|---|---|
| correct | the model answers right | its answer |
| incorrect | the model answers wrong | its answer |
| wrong-to-right | the base model answers wrong, the model right | the model's answer |
| right-to-wrong | the base model answers right, the model wrong | the model's answer |

An answer that was cut off or is empty counts as wrong, but becomes no query: its end is not the model's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from curation.models.load import load_model
from curation.scoring.progress import OnProgress, Reporter
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.store.queries import publish_queries
from curation.traces.query import Query
from curation.traces.query_rows import CORRECT, INCORRECT
from curation.traces.rows import Unreadable
from curation.traces.shapes import RECOGNISED, Fields
from curation.validation.answers import ASKING, Answer, Asking, answers_path, ask
from curation.validation.problems import read_problems

WRONG_TO_RIGHT, RIGHT_TO_WRONG = "wrong-to-right", "right-to-wrong"


@dataclass(frozen=True)
class Tally:
    """How a model did.

    Attributes:
        model: Folder or hub id.
        file: Its answers, relative to the project.
        problems: How many it was asked.
        graded: Those with a reference answer.
        correct: Those of them that it answered right.
        cut_off: Answers that reached the limit of tokens.
        no_answer: Answers in which no final answer was found.
    """

    model: str
    file: str
    problems: int
    graded: int
    correct: int
    cut_off: int
    no_answer: int

    @property
    def accuracy(self) -> float | None:
        """Share of the graded problems that it answered right; None if none could be graded."""
        return self.correct / self.graded if self.graded else None


@dataclass(frozen=True)
class RolledOut:
    """What rollouts did.

    Attributes:
        model: How the model did.
        base: How the base model did; None if there is none.
        added: Group -> new queries in it.
        notes: What a reader should know, as sentences.
    """

    model: Tally
    base: Tally | None
    added: dict[str, int]
    notes: list[str] = field(default_factory=list)


def rollouts(
    project: Project,
    source: str,
    *,
    model: str,
    adapter: str = "",
    base: str | None = None,
    fields: Fields = RECOGNISED,
    split: str | None = None,
    limit: int | None = None,
    asking: Asking = ASKING,
    device: str = "auto",
    dtype: str = "float32",
    on_progress: OnProgress | None = None,
    on_rejected: Callable[[Unreadable], None] | None = None,
) -> RolledOut:
    """Let a model answer problems greedily, grade its answers and publish them as query groups.

    Every answer is kept in `rollouts/`. Killed, the same call continues; called again, it repeats nothing.

    Raises:
        SourceError: The problems cannot be read.
        ModelError: A model cannot be loaded.
    """
    problems = read_problems(source, fields=fields, split=split, limit=limit, on_rejected=on_rejected)
    folder = project.root / "rollouts"
    folder.mkdir(exist_ok=True)
    report = Reporter(folder / "progress.json", on_progress)

    def answers_of(name: str, on_top: str) -> tuple[list[Answer], Tally]:
        report.start("loading", 1)
        loaded = load_model(name, adapter=on_top, device=device, dtype=dtype)
        report.finish()
        given = ask(project, loaded, problems, asking=asking, report=report, stage=f"answers of {name}")
        return given, _tally(given, str(answers_path(project, loaded, asking).relative_to(project.root)))

    own, tally = answers_of(model, adapter)
    before, base_tally = answers_of(base, "") if base else (None, None)
    queries = group_queries(own, before)
    notes = _notes(tally, queries, before is not None)
    notes += _mixed(project, sorted({query.group for query in queries}), tally.file)
    added = publish_queries(project, queries, source=tally.file) if queries else {}
    return RolledOut(tally, base_tally, added, notes)


def group_queries(answers: Sequence[Answer], before: Sequence[Answer] | None = None) -> list[Query]:
    """Sort a model's answers into groups.

    Args:
        answers: The model's answers.
        before: The base model's answers to the same problems, in the same order, if there is one.
    """
    groups: dict[str, list[Query]] = {name: [] for name in _groups(before is not None)}
    for place, answer in enumerate(answers):
        if answer.is_correct is None or not answer.finished or not answer.completion.strip():
            continue
        was = before[place].is_correct if before else None
        names = [CORRECT if answer.is_correct else INCORRECT]
        if was is not None and was != answer.is_correct:
            names.append(WRONG_TO_RIGHT if answer.is_correct else RIGHT_TO_WRONG)
        for name in names:
            groups[name].append(
                Query(name, answer.prompt, answer.completion, answer.is_correct, system=answer.system)
            )
    return [query for group in groups.values() for query in group]


def _groups(with_base: bool) -> tuple[str, ...]:
    return (CORRECT, INCORRECT, WRONG_TO_RIGHT, RIGHT_TO_WRONG) if with_base else (CORRECT, INCORRECT)


def _tally(answers: Sequence[Answer], file: str) -> Tally:
    graded = [answer for answer in answers if answer.is_correct is not None]
    return Tally(
        model=answers[0].model,
        file=file,
        problems=len(answers),
        graded=len(graded),
        correct=sum(bool(answer.is_correct) for answer in graded),
        cut_off=sum(not answer.finished for answer in answers),
        no_answer=sum(not answer.extracted for answer in answers),
    )


def _notes(tally: Tally, queries: Sequence[Query], with_base: bool) -> list[str]:
    notes = []
    if ungraded := tally.problems - tally.graded:
        notes.append(f"{ungraded:,} problems have no final answer to grade with and are in no group.")
    if tally.cut_off:
        notes.append(
            f"{tally.cut_off:,} answers reached the limit of tokens and became no query; a higher "
            "--max-new-tokens lets them end."
        )
    for group in _groups(with_base):
        if not any(query.group == group for query in queries):
            notes.append(f"Group {group} is empty.")
    return notes


def _mixed(project: Project, groups: list[str], source: str) -> list[str]:
    """Say where a group holds completions from elsewhere, which influence would be measured on as well."""
    catalogue = open_catalogue(project)
    try:
        rows = catalogue.rows(
            """SELECT "group", count(*) FROM queries
               WHERE "group" IN (SELECT unnest($1)) AND source <> $2 GROUP BY 1 ORDER BY 1""",
            [groups, source],
        )
    finally:
        catalogue.close()
    return [f"Group {group} also holds {count:,} queries from elsewhere." for group, count in rows]
