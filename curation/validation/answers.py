"""Answers of a model to problems: generated, graded, and kept line by line, so that nothing is ever asked twice."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from curation.errors import ProjectError, ScoringError
from curation.models.generate import MAX_NEW_TOKENS, TOKEN_BUDGET, Generated, Prompt, generate
from curation.models.grade import grade
from curation.models.load import LanguageModel
from curation.scoring.progress import Reporter
from curation.store.project import Project
from curation.store.publish import flush
from curation.validation.problems import Problem


@dataclass(frozen=True)
class Answer:
    """A model's completion for a problem, and what grading said of it.

    Attributes:
        problem_id: Which problem.
        prompt: What was asked.
        system: The system message.
        reference: The right final answer; "" if none is known.
        completion: What the model said.
        tokens: How many tokens that took.
        finished: Whether it ended on its own rather than at the limit.
        extracted: Its final answer; "" if it has none.
        how: How that was found (see `models.final_answer`).
        is_correct: Whether it is the reference; None where there is no reference.
        model: Folder or hub id of the model.
        revision: Which weights.
    """

    problem_id: str
    prompt: str
    system: str
    reference: str
    completion: str
    tokens: int
    finished: bool
    extracted: str
    how: str
    is_correct: bool | None
    model: str
    revision: str


@dataclass(frozen=True)
class Asking:
    """How a model is asked.

    Attributes:
        max_new_tokens: Limit of an answer.
        token_budget: Tokens of a batch.
    """

    max_new_tokens: int = MAX_NEW_TOKENS
    token_budget: int = TOKEN_BUDGET

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: A number is out of its range.
        """
        if self.max_new_tokens < 1 or self.token_budget < 1:
            raise ScoringError("The limit of new tokens and the token budget must be at least 1.")


ASKING = Asking()


def judged(model: LanguageModel, problem: Problem, said: Generated) -> Answer:
    """Grade one completion."""
    verdict = grade(said.completion, problem.reference, finished=said.finished)
    return Answer(
        problem_id=problem.problem_id,
        prompt=problem.prompt,
        system=problem.system,
        reference=problem.reference,
        completion=said.completion,
        tokens=said.tokens,
        finished=said.finished,
        extracted=verdict.extracted,
        how=verdict.how,
        is_correct=verdict.is_correct if problem.reference else None,
        model=model.name if not model.adapter else f"{model.name} + {model.adapter}",
        revision=model.revision,
    )


def answer_batches(
    model: LanguageModel,
    problems: Sequence[Problem],
    template: str,
    asking: Asking = ASKING,
    skip: frozenset[int] = frozenset(),
) -> Iterator[list[Answer]]:
    """Greedy answers to problems, graded, batch by batch; without those at the indices to skip."""
    prompts = [Prompt(problem.prompt, problem.system) for problem in problems]
    for batch in generate(
        model,
        prompts,
        template=template,
        max_new_tokens=asking.max_new_tokens,
        token_budget=asking.token_budget,
        skip=skip,
    ):
        yield [judged(model, problems[index], said) for index, said in batch.items()]


def answers_path(project: Project, model: LanguageModel, asking: Asking) -> Path:
    """The file of a model's answers: named by the model, and by all that decides what it says."""
    decides = [model.revision, model.adapter, str(model.dtype), project.template, asking.max_new_tokens]
    key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]
    name = re.sub(r"[^\w.-]", "-", Path(model.adapter or model.name).name)[:40].strip(".-") or "model"
    return project.root / "rollouts" / f"{name}-{key}.jsonl"


def ask(
    project: Project,
    model: LanguageModel,
    problems: Sequence[Problem],
    *,
    asking: Asking = ASKING,
    report: Reporter,
    stage: str = "answering",
) -> list[Answer]:
    """Answers of a model to problems, in their order; those that its file holds are not asked again.

    Every batch is on disk before the next one begins, so a killed call continues where it was.

    Raises:
        ProjectError: Another process writes to the same file right now, or the file is damaged.
    """
    path = answers_path(project, model, asking)
    path.parent.mkdir(exist_ok=True)
    with _alone(path) as file:
        kept = _read(file, path)
        there = frozenset(i for i, problem in enumerate(problems) if problem.problem_id in kept)
        report.start(stage, len(problems), done=len(there))
        for batch in answer_batches(model, problems, project.template, asking, there):
            file.write("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in batch).encode())
            file.flush()
            os.fsync(file.fileno())
            kept |= {one.problem_id: one for one in batch}
            report.advance(len(batch), sum(one.tokens for one in batch))
        report.finish()
    flush(path.parent)
    return [kept[problem.problem_id] for problem in problems]


def read_answers(path: Path) -> list[Answer]:
    """The answers of a file, in the order in which they were given; a last line that was cut off is left out.

    Raises:
        ProjectError: The file is damaged.
    """
    with path.open("rb") as file:
        return list(_lines(file.read(), path))


@contextmanager
def _alone(path: Path) -> Iterator[IO[bytes]]:
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectError(f"Another process adds to {path.name} right now; wait for it.") from error
        yield file


def _read(file: IO[bytes], path: Path) -> dict[str, Answer]:
    """The answers that are there; a line that a killed process left unfinished is cut away."""
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    file.truncate(whole)
    return {one.problem_id: one for one in _lines(content[:whole], path)}


def _lines(content: bytes, path: Path) -> Iterator[Answer]:
    names = {one.name for one in fields(Answer)}
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].split(b"\n")[:-1], 1):
        try:
            values = json.loads(line)
            yield Answer(**{name: values[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            raise ProjectError(
                f"Line {number} of rollouts/{path.name} cannot be read; restore the file, or move it away to ask again."
            ) from error
