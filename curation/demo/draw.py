"""Drawing word problems at random."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from curation.demo.problems import (
    AMOUNTS,
    COMMON,
    FACTORS,
    NAMES,
    RARE,
    STARTS,
    STEPS,
    THINGS,
    Fact,
    Move,
    Problem,
)


@dataclass
class NewProblems:
    """Draws problems that it has not drawn before, so that no target problem is in the pool."""

    random: random.Random
    seen: dict[str, Problem] = field(default_factory=dict)

    def common(self, steps: Sequence[int] = STEPS) -> Problem:
        """A problem of common verbs."""
        return self._new(lambda: draw_problem(self.random, steps=steps))

    def rare(self) -> Problem:
        """A problem with one rare verb."""
        return self._new(lambda: draw_rare_problem(self.random))

    def _new(self, draw: Callable[[], Problem]) -> Problem:
        while (problem := draw()).prompt in self.seen:
            pass
        self.seen[problem.prompt] = problem
        return problem


def draw_problem(
    draw: random.Random,
    verbs: Sequence[str] = COMMON,
    *,
    steps: Sequence[int] = STEPS,
    allowed: Callable[[Fact], bool] = lambda fact: True,
) -> Problem:
    """Draw a problem of common verbs whose counts stay between 0 and `LARGEST`.

    Args:
        draw: The source of randomness.
        verbs: The verbs to choose from.
        steps: The numbers of steps to choose from.
        allowed: Says of a sum whether it may be needed.
    """
    while True:
        moves = tuple(_draw_move(draw, verbs) for _ in range(draw.choice(steps)))
        problem = Problem(draw.choice(NAMES), draw.choice(THINGS), draw.choice(STARTS), moves)
        if problem.in_range and all(allowed(fact) for fact in problem.facts):
            return problem


def draw_rare_problem(draw: random.Random, *, steps: Sequence[int] = STEPS) -> Problem:
    """Draw a problem of common verbs but for one step, whose verb is rare; its counts stay in range, too."""
    while True:
        problem = draw_problem(draw, steps=steps)
        place = draw.randrange(len(problem.moves))
        moves = (*problem.moves[:place], _draw_move(draw, tuple(RARE)), *problem.moves[place + 1 :])
        rare = replace(problem, moves=moves)
        if rare.in_range:
            return rare


def _draw_move(draw: random.Random, verbs: Sequence[str]) -> Move:
    verb = draw.choice(verbs)
    return Move(verb, FACTORS.get(verb) or draw.choice(AMOUNTS))
