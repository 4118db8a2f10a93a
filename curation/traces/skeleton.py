"""The skeleton of a response: which marks its lines and sentences begin with, without words and numbers.

Texts that one prompt or one program made share it, whatever they are about (2406.12397).
"""

import re
from functools import lru_cache

_ORDINALS = r"First(?:ly)?|Second(?:ly)?|Third(?:ly)?|Fourth|Fifth|Sixth|Seventh|Eighth|Ninth|Tenth"
_LINKS = (
    r"Next|Then|Now|So|Therefore|Thus|Hence|Finally|Lastly|However|But|Because|Since|Wait|Okay|Alternatively|Also|Similarly"
    r"|Let me|Let's|We need|To (?:find|solve|determine|calculate)"
)
_ANSWER = r"(?i:(?:so |therefore,? |thus,? )?(?:the )?(?:final )?answer(?: is|:))"
_NUMBERED = r"(?i:step|part|case)[ \t]*\d+"
# Understood by RE2 (DuckDB) and by Python alike. What begins a line comes first, then what begins a sentence, then marks
# inside a line; the last choice at a line's beginning is its first character.
PATTERN = (
    rf"(?m)^[ \t]*(?:#{{1,6}}[ \t]|```|[-*+•][ \t]|>|\||\(?\d+[.)][ \t]|{_ANSWER}|(?:\*\*)?{_NUMBERED}|\*\*|(?:{_ORDINALS}|{_LINKS})\b"
    rf"|\S)|[.!?][ \t]+(?:{_ANSWER}|(?:{_ORDINALS}|{_LINKS})\b)|\\boxed|</?think>|\$\$|\\\["
)
SEPARATOR = "\x1f"
_KINDS = (
    ("####", r"####\s*"),
    ("heading", r"#+\s*"),
    ("code", r"```"),
    ("bullet", r"[-*+•]\s"),
    ("quote", r">"),
    ("table", r"\|"),
    ("1.", r"\(?\d+[.)]\s*"),
    ("the answer is", _ANSWER),
    ("Step 1", rf"(?:\*\*)?{_NUMBERED}"),
    ("**", r"\*\*"),
    ("First", _ORDINALS),
    ("boxed", r"\\boxed"),
    ("think", r"</?think>"),
    ("display", r"\$\$|\\\["),
)
_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in _KINDS)
_LINK = re.compile(_LINKS)
_REPEATED = re.compile(r"(.{1,4}?)\1+", re.DOTALL)


def marks(response: str) -> str:
    """What the pattern finds in a response, as DuckDB would join it."""
    return SEPARATOR.join(found[0] for found in re.finditer(PATTERN, response))


def skeleton(found: str) -> tuple[str, ...]:
    """The kinds of marks in their order, where what is repeated (one to four marks in a row) is there once.

    Args:
        found: Marks of one response, joined by `SEPARATOR` (see `marks`).
    """
    names = [_kind(mark) for mark in found.split(SEPARATOR) if mark]
    known = list(dict.fromkeys(names))
    letters = {name: chr(0xE000 + place) for place, name in enumerate(known)}
    text, before = "".join(letters[name] for name in names), None
    while text != before:
        before, text = text, _REPEATED.sub(r"\1", text)
    return tuple(known[ord(letter) - 0xE000] for letter in text)


@lru_cache(maxsize=65_536)
def _kind(mark: str) -> str:
    """The name of a mark; words, digits and signs that begin a line are one kind each."""
    bare = mark.lstrip(" \t")
    if bare[0] in ".!?":
        bare = bare[1:].lstrip() or bare
    for name, pattern in _COMPILED:
        if pattern.fullmatch(bare):
            return name
    if _LINK.fullmatch(bare):
        return bare
    return "words" if bare[0].isalpha() else "number" if bare[0].isdigit() else "sign"
