"""Solutions of GSM8K spoilt in two ways that real pools know: they belong to another problem, or cannot calculate."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

NONE, SWAPPED, MISCALCULATED = "none", "another problem's solution", "every result one too high"
_RESULT = re.compile(r"=([\d.,]+)>>([\d.,]+)")


def spoilt(rows: Sequence[Mapping[str, Any]], count: int) -> list[dict[str, Any]]:
    """The rows with so many of them spoilt, spread evenly: half swapped with each other, half miscalculated.

    Args:
        rows: Of GSM8K: `question` and `answer`, with each calculation as `<<48/2=24>>24`.
        count: How many to spoil.

    Returns:
        Rows with what was done to each under `planted`.
    """
    places = [round(i * len(rows) / count) for i in range(count)]
    swapped, miscalculated = places[::2], places[1::2]
    made = [{**row, "planted": NONE} for row in rows]
    for place, other in zip(swapped, [*swapped[1:], swapped[0]], strict=True):
        made[place] |= {"answer": rows[other]["answer"], "planted": SWAPPED}
    for place in miscalculated:
        made[place] |= {"answer": miscalculate(rows[place]["answer"]), "planted": MISCALCULATED}
    return made


def miscalculate(answer: str) -> str:
    """The same solution with one added to the result of each of its calculations, and to the final answer."""
    body, mark, final = answer.rpartition("#### ")
    wrong = _RESULT.sub(lambda found: f"={_one_more(found[1])}>>{_one_more(found[2])}", body)
    return f"{wrong}{mark}{_one_more(final)}"


def _one_more(number: str) -> str:
    end = number[len(number.rstrip(".,")) :]
    digits = number.rstrip(".,").replace(",", "")
    whole, dot, rest = digits.partition(".")
    return f"{int(whole or 0) + 1}{dot}{rest}{end}" if (whole or "0").lstrip("-").isdigit() else number
