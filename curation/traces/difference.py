"""The difference of two texts, word by word."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

# (a piece of the text, whether it differs from the other text)
Piece = tuple[str, bool]

_WORD = re.compile(r"(\S+)\s*")


def word_difference(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    """Cut two texts where their words differ.

    White space is not compared.

    Returns:
        The pieces of either text, in order; they add up to it.
    """
    words = [[found.span() for found in _WORD.finditer(text)] for text in (left, right)]
    plain = [
        [text[start:stop].rstrip() for start, stop in spans]
        for text, spans in zip((left, right), words, strict=True)
    ]
    codes = SequenceMatcher(None, plain[0], plain[1]).get_opcodes()
    of_left = [(a, b, kind != "equal") for kind, a, b, _, _ in codes]
    of_right = [(a, b, kind != "equal") for kind, _, _, a, b in codes]
    return list(_pieces(left, words[0], of_left)), list(_pieces(right, words[1], of_right))


def _pieces(text: str, words: list[tuple[int, int]], runs: list[tuple[int, int, bool]]) -> Iterator[Piece]:
    """The text of each run of words, from word `a` to before word `b`."""
    indent = words[0][0] if words else len(text)
    if indent:
        yield text[:indent], False
    for a, b, differs in runs:
        if a < b:
            run = text[words[a][0] : words[b - 1][1]]
            plain = run.rstrip() if differs else ""
            yield from ((piece, mark) for piece, mark in ((plain, True), (run[len(plain) :], False)) if piece)
