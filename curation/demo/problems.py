"""Word problems of several steps, small enough for a tiny model, and the lines that solve them."""

from dataclasses import dataclass

from curation.traces.trace import Trace

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo")
THINGS = ("apples", "books", "coins", "eggs", "nuts", "pens", "shells", "stamps")

# The sign that each verb means. The base model has met the known ones, the pool teaches the new ones.
KNOWN = {
    "finds": "+",
    "loses": "-",
    "buys": "+",
    "sells": "-",
    "wins": "+",
    "drops": "-",
    "doubles": "×",
    "triples": "×",
}
NEW = {"gathers": "+", "donates": "-", "earns": "+", "breaks": "-", "picks": "+", "spends": "-"}
# The systematic flaw takes these the wrong way: it adds 2 or 3 instead of multiplying by it.
RARE = {"duplicates": "×", "trebles": "×"}
COMMON = tuple(KNOWN | NEW)
SIGNS = KNOWN | NEW | RARE
FACTORS = {"doubles": 2, "triples": 3, "duplicates": 2, "trebles": 3}
WRONG_SIGN = {"+": "-", "-": "+", "×": "+"}

LARGEST = 24
STARTS = range(4, 21)
AMOUNTS = range(2, 8)
STEPS = (2, 3)
ORDINALS = ("First", "Second", "Third")

Fact = tuple[int, str, int]


@dataclass(frozen=True)
class Move:
    """One change of the count: a verb and how many."""

    verb: str
    amount: int


@dataclass(frozen=True)
class Problem:
    """A word problem.

    Attributes:
        name: Who it is about.
        thing: What is counted.
        start: How many there are at first.
        moves: What happens then, in order.
    """

    name: str
    thing: str
    start: int
    moves: tuple[Move, ...]

    @property
    def prompt(self) -> str:
        """The problem in words."""
        told = " ".join(
            f"{self.name} {move.verb} {f'the {self.thing}' if move.verb in FACTORS else move.amount}."
            for move in self.moves
        )
        return f"{self.name} has {self.start} {self.thing}. {told} How many {self.thing} are there now?"

    @property
    def counts(self) -> tuple[int, ...]:
        """The right count before the first move and after each."""
        counts = [self.start]
        for move in self.moves:
            counts.append(apply(SIGNS[move.verb], counts[-1], move.amount))
        return tuple(counts)

    @property
    def answer(self) -> str:
        """The right answer."""
        return str(self.counts[-1])

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The sums that solving it takes, as (left, sign, right)."""
        return tuple(
            (count, SIGNS[move.verb], move.amount)
            for count, move in zip(self.counts, self.moves, strict=False)
        )

    @property
    def in_range(self) -> bool:
        """Whether every count has a number token."""
        return all(0 <= count <= LARGEST for count in self.counts)

    @property
    def is_rare(self) -> bool:
        """Whether one of the rare verbs is in it."""
        return any(move.verb in RARE for move in self.moves)


def apply(sign: str, count: int, amount: int) -> int:
    """The count after a step."""
    match sign:
        case "+":
            return count + amount
        case "-":
            return count - amount
        case _:
            return count * amount


def step_line(place: int, left: int, sign: str, amount: int, result: int) -> str:
    """The line of a response for its step `place`, counted from 0."""
    return f"{ORDINALS[place]}, {left} {sign} {amount} = {result}."


def answer_line(answer: int | str) -> str:
    """The last line of a response."""
    return f"The answer is {answer}."


def right_lines(problem: Problem) -> list[str]:
    """The right steps, one a line, without the line of the answer."""
    counts = problem.counts
    return [
        step_line(place, counts[place], SIGNS[move.verb], move.amount, counts[place + 1])
        for place, move in enumerate(problem.moves)
    ]


def right_response(problem: Problem) -> str:
    """The gold completion: every step and the answer."""
    return "\n".join([*right_lines(problem), answer_line(problem.answer)])


def gold_trace(problem: Problem) -> Trace:
    """A problem with its gold completion."""
    return Trace(prompt=problem.prompt, response=right_response(problem), answer=problem.answer)
