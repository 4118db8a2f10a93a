"""A solver of the demo's problems that reads their text and knows nothing of how they were made."""

import re

MEANING = {
    **dict.fromkeys(("finds", "buys", "wins", "gathers", "earns", "picks"), "+"),
    **dict.fromkeys(("loses", "sells", "drops", "donates", "breaks", "spends"), "-"),
}
MULTIPLIES = {"doubles": 2, "triples": 3, "duplicates": 2, "trebles": 3}
STEP = re.compile(r"(?:First|Second|Third), (\d+) ([-+×]) (\d+) = (\d+)\.")


def solve(prompt: str) -> list[tuple[int, str, int, int]]:
    """The right steps of a problem, as (left, sign, right, result)."""
    start, *told = prompt.split(". ")
    count = int(re.search(r"has (\d+)", start)[1])
    steps = []
    for sentence in told[:-1]:
        _, verb, *rest = sentence.split()
        sign = MEANING.get(verb, "×")
        amount = MULTIPLIES[verb] if sign == "×" else int(rest[0])
        result = compute(count, sign, amount)
        steps.append((count, sign, amount, result))
        count = result
    return steps


def compute(left: int, sign: str, right: int) -> int:
    return {"+": left + right, "-": left - right, "×": left * right}[sign]


def parse(response: str) -> tuple[list[tuple[int, str, int, int]], list[str], int]:
    """Steps, sentences that are no step, and final answer of a response."""
    *lines, last = response.split("\n")
    found = [(line, STEP.fullmatch(line)) for line in lines]
    steps = [(int(m[1]), m[2], int(m[3]), int(m[4])) for _, m in found if m]
    return steps, [line for line, m in found if not m], int(re.fullmatch(r"The answer is (\d+)\.", last)[1])
