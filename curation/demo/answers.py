"""What a model answers to the demo's problems, greedily, and whether it is right."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.demo.problems import Problem
from curation.models.generate import Generated, Prompt, generate
from curation.models.load import load_model

MAX_NEW_TOKENS = 96
_ANSWER = re.compile(r"The answer is (\d+)\.$")


@dataclass(frozen=True)
class Answer:
    """A model's own completion for a problem, and whether its last line gives the right answer."""

    problem: Problem
    completion: str
    is_correct: bool


def grade(problem: Problem, completion: str) -> bool:
    """Whether the completion ends with the right answer; its steps are not looked at."""
    found = _ANSWER.search(completion)
    return found is not None and found.group(1) == problem.answer


def greedy_answers(model: Path, problems: Sequence[Problem]) -> list[Answer]:
    """Let a model answer each problem with its most likely tokens."""
    prompts = [Prompt(problem.prompt) for problem in problems]
    said: dict[int, Generated] = {}
    for batch in generate(load_model(str(model)), prompts, template="plain", max_new_tokens=MAX_NEW_TOKENS):
        said |= batch
    texts = [said[index].completion for index in range(len(problems))]
    return [
        Answer(problem, text, grade(problem, text)) for problem, text in zip(problems, texts, strict=True)
    ]


def accuracy(answers: Sequence[Answer]) -> float:
    """Share of the answers that are right."""
    return sum(answer.is_correct for answer in answers) / len(answers)
