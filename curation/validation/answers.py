"""Asking: a model's answers to problems, graded, and kept so that nothing is ever asked twice."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from curation.errors import ScoringError
from curation.models.generate import MAX_NEW_TOKENS, TOKEN_BUDGET, Generated, Prompt, generate
from curation.models.grade import grade
from curation.models.load import LanguageModel
from curation.models.sampling import GREEDY, Sampling
from curation.models.served import ServedModel, complete
from curation.scoring.progress import Reporter
from curation.store.kept_answers import FOLDER, Answer, append, only_writer, take_up
from curation.store.project import Project
from curation.store.publish import flush
from curation.validation.problems import Problem

Model = LanguageModel | ServedModel


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


def judged(model: Model, problem: Problem, said: Generated, sample: int = 1) -> Answer:
    """Grade one completion."""
    verdict = grade(said.completion, problem.reference, finished=said.finished)
    adapter = model.adapter if isinstance(model, LanguageModel) else ""
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
        model=f"{model.name} + {adapter}" if adapter else model.name,
        revision=model.revision,
        sample=sample,
    )


def answer_batches(
    model: Model,
    problems: Sequence[Problem],
    template: str,
    asking: Asking = ASKING,
    sampling: Sampling = GREEDY,
    skip: frozenset[tuple[str, int]] = frozenset(),
) -> Iterator[list[Answer]]:
    """Answers to problems, graded, batch by batch: all first samples, all second ones, ...

    Args:
        model: The model.
        problems: What it is asked.
        template: How a prompt becomes text (see `store.project.Project`).
        asking: Limits.
        sampling: How many answers, and how they are drawn.
        skip: Keys of answers that are not wanted (see `Answer.key`); they change no other answer.
    """
    rounds = [[(one, sample) for one in problems] for sample in range(1, sampling.samples + 1)]
    if isinstance(model, ServedModel):
        # One queue, so that no sample waits for the slowest answer of the one before.
        rounds = [list(chain.from_iterable(rounds))]
    for asked in rounds:
        unwanted = {i for i, (one, sample) in enumerate(asked) if (one.problem_id, sample) in skip}
        for batch in _completions(model, asked, template, asking, sampling, unwanted):
            yield [judged(model, asked[i][0], said, asked[i][1]) for i, said in batch.items()]


def _completions(
    model: Model,
    asked: Sequence[tuple[Problem, int]],
    template: str,
    asking: Asking,
    sampling: Sampling,
    skip: Collection[int],
) -> Iterator[dict[int, Generated]]:
    prompts = [Prompt(one.prompt, one.system) for one, _ in asked]
    seeds = [sampling.seed_of(one.problem_id, sample) for one, sample in asked]
    if isinstance(model, ServedModel):
        return complete(
            model,
            prompts,
            template=template,
            max_new_tokens=asking.max_new_tokens,
            skip=skip,
            sampling=sampling,
            seeds=seeds,
        )
    return generate(
        model,
        prompts,
        template=template,
        max_new_tokens=asking.max_new_tokens,
        token_budget=asking.token_budget,
        skip=skip,
        sampling=sampling,
        seeds=seeds,
    )


def answers_path(project: Project, model: Model, asking: Asking, sampling: Sampling = GREEDY) -> Path:
    """The file of a model's answers: named by the model, and by all that decides what it says.

    The number of samples is not part of it: more of them go into the same file.
    """
    decides: list[object]
    if isinstance(model, ServedModel):
        name = model.name
        decides = ["served", model.name, model.revision]
    else:
        name = model.adapter or model.name
        decides = [model.revision, model.adapter, str(model.dtype)]
    decides += [project.template, asking.max_new_tokens]
    if not sampling.greedy:
        decides += [sampling.temperature, sampling.top_p, sampling.seed]
    key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]
    shown = re.sub(r"[^\w.-]", "-", Path(name).name)[:40].strip(".-") or "model"
    return project.root / FOLDER / f"{shown}-{key}.jsonl"


def ask(
    project: Project,
    model: Model,
    problems: Sequence[Problem],
    *,
    asking: Asking = ASKING,
    sampling: Sampling = GREEDY,
    report: Reporter,
    stage: str = "answering",
) -> list[Answer]:
    """Answers of a model to problems, in their order, a problem's samples side by side.

    Those that the model's file holds are not asked again. Every batch is on disk before the next one begins, so a
    killed call continues where it was.

    Raises:
        ProjectError: Another process writes to the same file right now, or the file is damaged.
        ModelError: A served model cannot be reached, or does not answer as it should.
    """
    path = answers_path(project, model, asking, sampling)
    path.parent.mkdir(exist_ok=True)
    wanted = [(one.problem_id, sample) for one in problems for sample in range(1, sampling.samples + 1)]
    with only_writer(path) as file:
        kept = take_up(file, path)
        there = frozenset(wanted) & kept.keys()
        report.start(stage, len(wanted), done=sum(key in kept for key in wanted))
        for batch in answer_batches(model, problems, project.template, asking, sampling, there):
            append(file, batch)
            kept |= {one.key: one for one in batch}
            report.advance(len(batch), sum(one.tokens for one in batch))
        report.finish()
    flush(path.parent)
    return [kept[key] for key in wanted]
