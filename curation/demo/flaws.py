"""What can be wrong with a trace: one function a kind of planted flaw."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from curation.demo.problems import (
    LARGEST,
    RARE,
    SIGNS,
    WRONG_SIGN,
    Problem,
    answer_line,
    apply,
    right_lines,
    step_line,
)

NONE = "none"
SYSTEMATIC = "systematic"
FILLERS = (
    "Let me think about this for a moment.",
    "Well, that is a good question.",
    "I want to be careful with this one.",
    "Okay, let me look at this again.",
    "Now let me think about the next part.",
)


@dataclass(frozen=True)
class Written:
    """A response with its flaw.

    Attributes:
        response: The whole text.
        answer: The final answer that it gives.
        step: The line, counted from 0, in which the flaw shows first.
    """

    response: str
    answer: int
    step: int


def wrong_step(problem: Problem, draw: random.Random) -> Written | None:
    """One sum comes out wrong by 1 to 9, and the error is carried on."""
    place = draw.randrange(len(problem.moves))
    return _carry_on(problem, place, error=draw.choice((-1, 1)) * draw.randint(1, 9))


def wrong_operation(problem: Problem, draw: random.Random) -> Written | None:
    """One common verb is taken the wrong way, and the error is carried on."""
    return _carry_on(problem, draw.randrange(len(problem.moves)), turned=True)


def systematic(problem: Problem, draw: random.Random) -> Written | None:
    """The rare verb is taken the wrong way: the same wrong rule in every trace that has this flaw."""
    place = next(number for number, move in enumerate(problem.moves) if move.verb in RARE)
    return _carry_on(problem, place, turned=True)


def wrong_answer(problem: Problem, draw: random.Random) -> Written | None:
    """Every step is right, and the last line gives another number."""
    answer = int(problem.answer) + draw.choice((-1, 1)) * draw.randint(1, 9)
    if not 0 <= answer <= LARGEST:
        return None
    lines = right_lines(problem)
    return Written("\n".join([*lines, answer_line(answer)]), answer, len(lines))


def missing_steps(problem: Problem, draw: random.Random) -> Written | None:
    """All steps but one are left out, and the answer is right all the same."""
    place = draw.randrange(len(problem.moves))
    kept, counts = problem.moves[place], problem.counts
    line = step_line(0, counts[place], SIGNS[kept.verb], kept.amount, counts[place + 1])
    return Written(f"{line}\n{answer_line(problem.answer)}", int(problem.answer), 0 if place else 1)


def filler(problem: Problem, draw: random.Random) -> Written | None:
    """Sentences that say nothing stand between the right steps."""
    lines = right_lines(problem)
    places = sorted(draw.sample(range(len(lines) + 1), 2))
    for shift, (place, text) in enumerate(zip(places, draw.sample(FILLERS, 2), strict=True)):
        lines.insert(place + shift, text)
    return Written("\n".join([*lines, answer_line(problem.answer)]), int(problem.answer), places[0])


Flaw = Callable[[Problem, random.Random], Written | None]
FLAWS: dict[str, Flaw] = {
    "wrong step": wrong_step,
    "wrong operation": wrong_operation,
    "wrong answer": wrong_answer,
    "missing steps": missing_steps,
    "filler": filler,
    SYSTEMATIC: systematic,
}


def _carry_on(problem: Problem, place: int, *, error: int = 0, turned: bool = False) -> Written | None:
    """Write the steps with one flaw at `place`; None if a count gets out of range, or comes out right (2 + 2)."""
    count, lines = problem.start, []
    for number, move in enumerate(problem.moves):
        sign = SIGNS[move.verb]
        if turned and number == place:
            sign = WRONG_SIGN[sign]
        result = apply(sign, count, move.amount) + (error if number == place else 0)
        if not 0 <= result <= LARGEST or (number == place and result == problem.counts[place + 1]):
            return None
        lines.append(step_line(number, count, sign, move.amount, result))
        count = result
    return Written("\n".join([*lines, answer_line(count)]), count, place)
