"""Answers on disk: one a line, appended as they come, so that a killed job loses none of them."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from curation.errors import ProjectError
from curation.store.project import Project

FOLDER = "rollouts"


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
        sample: Which of its answers to the problem, counted from 1.
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
    sample: int = 1

    @property
    def key(self) -> tuple[str, int]:
        """What is unique in a file: the problem and the sample."""
        return self.problem_id, self.sample


def answer_files(project: Project) -> list[Path]:
    """The project's files of answers, by name."""
    return sorted((project.root / FOLDER).glob("*.jsonl"))


def digest_of(path: Path) -> str:
    """12 hex digits of the hash of a file of answers, by which a run knows what it read."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def read_answers(path: Path) -> list[Answer]:
    """The answers of a file, in the order in which they were given; a last line that was cut off is left out.

    Raises:
        ProjectError: The file is damaged or gone.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProjectError(f"{FOLDER}/{path.name} cannot be read ({error.strerror}); restore it.") from error
    return list(_lines(content, path))


@contextmanager
def only_writer(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of answers for reading and appending, for this process alone.

    Raises:
        ProjectError: Another process has it open.
    """
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectError(f"Another process adds to {path.name} right now; wait for it.") from error
        yield file


def take_up(file: IO[bytes], path: Path) -> dict[tuple[str, int], Answer]:
    """The answers that are there, by their keys; a line that a killed process left unfinished is cut away.

    Raises:
        ProjectError: The file is damaged.
    """
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    file.truncate(whole)
    return {one.key: one for one in _lines(content[:whole], path)}


def append(file: IO[bytes], answers: Sequence[Answer]) -> None:
    """Add answers; they are on disk when this returns."""
    file.write("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in answers).encode())
    file.flush()
    os.fsync(file.fileno())


def _lines(content: bytes, path: Path) -> Iterator[Answer]:
    names = {one.name for one in fields(Answer)}
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].split(b"\n")[:-1], 1):
        try:
            # Files of before there were samples say nothing of them.
            values = {"sample": 1, **json.loads(line)}
            yield Answer(**{name: values[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            raise ProjectError(
                f"Line {number} of {FOLDER}/{path.name} cannot be read; restore the file, or move it away to ask again."
            ) from error
