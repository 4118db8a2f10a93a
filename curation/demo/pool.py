"""The demo's pool of traces with planted flaws, and the problems that the model should get right."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.demo.draw import NewProblems
from curation.demo.flaws import FLAWS, NONE, SYSTEMATIC, Written
from curation.demo.problems import STEPS, Problem, right_response
from curation.traces.trace import Trace

# Enough steps for some of them to be missing.
LONG = (3,)


@dataclass(frozen=True)
class Mix:
    """What a pool is made of.

    Attributes:
        traces: Different traces in the pool.
        flawed: Traces of each random kind of flaw.
        systematic: Traces that take a rare verb the wrong way.
        rare: Right traces with a rare verb.
        copies: Rows that repeat another row exactly; ingest finds these by their hash.
        target_rare: Share of the target problems that have a rare verb.
    """

    traces: int = 1000
    flawed: int = 25
    systematic: int = 50
    rare: int = 30
    copies: int = 25
    target_rare: float = 0.25


MIX = Mix()


@dataclass(frozen=True)
class Pool:
    """Traces to curate, and problems that none of them is about.

    Attributes:
        traces: Shuffled; metadata says what is `planted`, in which `planted_step`, and if a verb is `rare`.
        validation: Problems whose answers become queries.
        test: Problems held out to measure accuracy.
        right: Prompt of each trace -> the right final answer, whatever the trace says.
    """

    traces: tuple[Trace, ...]
    validation: tuple[Problem, ...]
    test: tuple[Problem, ...]
    right: Mapping[str, str]


def make_pool(seed: int = 0, *, mix: Mix = MIX, validation: int = 100, test: int = 400) -> Pool:
    """Draw a pool; the same seed gives the same pool."""
    draw = NewProblems(random.Random(seed))
    random_kinds = [kind for kind in FLAWS if kind != SYSTEMATIC]
    traces = [_flawed(draw, kind) for kind in random_kinds for _ in range(mix.flawed)]
    traces += [_flawed(draw, SYSTEMATIC) for _ in range(mix.systematic)]
    traces += [_right(draw.rare()) for _ in range(mix.rare)]
    traces += [_right(draw.common()) for _ in range(mix.traces - len(traces))]
    traces += draw.random.sample([trace for trace in traces if trace.metadata["planted"] == NONE], mix.copies)
    draw.random.shuffle(traces)
    right = {trace.prompt: draw.seen[trace.prompt].answer for trace in traces}
    return Pool(tuple(traces), _target(draw, validation, mix), _target(draw, test, mix), right)


def _flawed(draw: NewProblems, kind: str) -> Trace:
    while True:
        steps = LONG if kind == "missing steps" else STEPS
        problem = draw.rare() if kind == SYSTEMATIC else draw.common(steps)
        if written := FLAWS[kind](problem, draw.random):
            return _trace(problem, written, kind)


def _right(problem: Problem) -> Trace:
    return _trace(problem, Written(right_response(problem), int(problem.answer), -1), NONE)


def _trace(problem: Problem, written: Written, kind: str) -> Trace:
    metadata: Mapping[str, Any] = {
        "planted": kind,
        "planted_step": written.step if written.step >= 0 else None,
        "rare": problem.is_rare,
    }
    return Trace(
        prompt=problem.prompt, response=written.response, answer=str(written.answer), metadata=metadata
    )


def _target(draw: NewProblems, count: int, mix: Mix) -> tuple[Problem, ...]:
    rare = round(count * mix.target_rare)
    problems = [draw.rare() for _ in range(rare)] + [draw.common() for _ in range(count - rare)]
    draw.random.shuffle(problems)
    return tuple(problems)
