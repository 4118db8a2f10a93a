"""Steps of a trace: contiguous pieces of its response, cut where the text itself pauses."""

import re
from itertools import pairwise

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_SENTENCE = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bDr)(?<!\bSt)"
    r"[.!?…][\"'”’)\]]*\s+|[。！？][”’」』）]*\s*"
)
_LIST_NUMBER = re.compile(r"\s*\d+[.)]\s*")

# How a paragraph begins that turns back on what was thought before (2602.00425, its authors' code).
TURNS = (
    "Wait",
    "Alternatively",
    "But wait",
    "But alternatively",
    "But just to",
    "However",
    "Not sure",
    "Going back",
    "Backtrack",
    "Trace back",
    "Another",
)
_TURN = re.compile(rf"\s*(?:{'|'.join(TURNS)})\b")

# What opens and closes a block that is never cut: a code fence, display mathematics.
_DELIMITER = re.compile(r"`{3,}|\$\$|(?<!\\)\\[\[\]]")
_CLOSER = {"`": "`", "$$": "$$", r"\[": r"\]"}


def split_steps(text: str) -> list[tuple[int, int]]:
    """Split a response into steps: paragraphs if there are several, else lines, else sentences.

    No cut falls inside a code fence or display mathematics (``` ``` ```, `$$ $$`, `\\[ \\]`; one that never
    closes protects nothing). White space after a step belongs to it. Linear in the length of the text.

    Returns:
        Spans (start, stop) in characters, in order, that cover the text exactly; none for an empty text.
    """
    if not text:
        return []
    blocks = _blocks(text)
    pauses = (_PARAGRAPH, _LINE, _SENTENCE)
    cuts = next(filter(None, (_cuts(text, pause, blocks) for pause in pauses)), [])
    return list(pairwise([0, *cuts, len(text)]))


def split_segments(text: str) -> list[tuple[int, int]]:
    """Split a response where it turns: steps put together up to the next that begins with one of `TURNS`.

    Where none does, each step is a segment of its own.

    Returns:
        Spans as of `split_steps`; a segment is one or more whole steps.
    """
    steps = split_steps(text)
    turns = [start for start, _ in steps[1:] if _TURN.match(text, start)]
    return list(pairwise([0, *turns, len(text)])) if turns else steps


def _cuts(text: str, pattern: re.Pattern[str], blocks: list[tuple[int, int]]) -> list[int]:
    """Where a pause ends and a next step with something in it begins, outside every block."""
    cuts: list[int] = []
    remaining = iter([*blocks, (len(text), len(text))])
    start, stop = next(remaining)
    before = len(text) - len(text.lstrip())
    for pause in pattern.finditer(text, before):
        cut = pause.end()
        while stop < cut:
            start, stop = next(remaining)
        if start < cut < stop or cut == len(text):
            continue
        if pattern is _SENTENCE and _LIST_NUMBER.fullmatch(text, cuts[-1] if cuts else 0, cut):
            continue
        cuts.append(cut)
    return cuts


def _blocks(text: str) -> list[tuple[int, int]]:
    """Spans of code fences and display mathematics, in order; what is inside one opens no other."""
    marks = [(_kind(mark[0]), mark.start(), mark.end()) for mark in _DELIMITER.finditer(text)]
    last = {kind: start for kind, start, _ in marks}
    blocks: list[tuple[int, int]] = []
    closer, opened = "", 0
    for kind, start, stop in marks:
        if closer:
            if kind == closer:
                blocks.append((opened, stop))
                closer = ""
        elif kind in _CLOSER and last.get(_CLOSER[kind], -1) > start:
            closer, opened = _CLOSER[kind], start
    return blocks


def _kind(mark: str) -> str:
    return "`" if mark[0] == "`" else mark
