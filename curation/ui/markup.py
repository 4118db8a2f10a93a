"""Text of a trace on its way into Streamlit's Markdown: everything is escaped, except mathematics and bold.

Streamlit's Markdown loads images, links addresses that it recognises, draws diagrams, and rewrites arrows,
emoji names and colour directives, partly after the parser has taken the backslashes away. So each
punctuation mark gets a backslash, and a word joiner, which is not seen, parts what would be recognised later.
"""

import re
import string
from collections.abc import Iterable, Sequence
from itertools import pairwise

JOINER = "\u2060"
LONGEST_MATHS = 2_000
_PART = set(":@<>-~=")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

_MATHS = re.compile(
    r"\\\((?P<round>.{1,2000}?)\\\)|\\\[(?P<square>.{1,2000}?)\\\]|\$\$(?P<double>.{1,2000}?)\$\$"
    r"|(?<![\\$])\$(?P<single>[^\s$](?:[^$\n]*[^\s$\\])?)\$(?![\d$])|\*\*(?P<bold>[^*\n]+)\*\*",
    re.DOTALL,
)
# Commands that link, load, define or take up space of any size.
_REFUSED = re.compile(
    r"\\(?:href|url|includegraphics|html\w*|def|gdef|edef|xdef|let|futurelet|(?:re|provide)?(?:new)?command|global|long"
    r"|rule|kern|mkern|[hmv]?skip|mskip|[hv]space|raisebox|mathchoice|char|size|Huge|huge|cfrac|tag|label|ref|above)\b"
)
# A single dollar is money more often than mathematics: ask for a sign of mathematics, or for one short name.
_MATHS_SIGN = re.compile(r"[\\^_{]|^[A-Za-z](?:\s*[-+=<>]\s*[A-Za-z0-9]+)*$")


def escape(text: str) -> str:
    """Text that Streamlit's Markdown shows as it is: for names, reasons and messages inside a sentence."""
    shown = _UNSEEN.sub(_code, text.replace("\r\n", "\n"))
    made = []
    for mark in shown:
        if mark in string.punctuation:
            made.append("\\" + mark + (JOINER if mark in _PART else ""))
        else:
            made.append(mark)
    escaped = "".join(made).replace("\t", "\u00a0" * 4)
    return re.sub(r"(www)(?=\\\.)", rf"\1{JOINER}", escaped, flags=re.IGNORECASE)


def cell(text: str) -> str:
    """The same in one line: a line break would end a row of a table, or a label."""
    return escape(" ".join(text.split()))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of text as a table, all but the first column to the right."""
    lines = [
        f"| {' | '.join(cell(title) for title in columns)} |",
        f"|:--|{'--:|' * (len(columns) - 1)}",
        *(f"| {' | '.join(cell(one) for one in row)} |" for row in rows),
    ]
    return "\n".join(lines)


def sentence(message: str) -> str:
    """A message of ours, in which `commands` stand between backticks; what it quotes is escaped."""
    parts = message.split("`")
    if len(parts) % 2 == 0:  # A quoted name has a backtick of its own.
        return escape(message)
    return "".join(
        f"`{part}`" if place % 2 and part.strip() and "\n" not in part else escape(part)
        for place, part in enumerate(parts)
    )


def rendered(text: str) -> str:
    r"""A trace as Markdown: line breaks kept; `\( \)`, `\[ \]`, `$$`, `$x^2$` and `**bold**` rendered."""
    made, start = [], 0
    for found in _MATHS.finditer(text):
        replaced = _replace(found)
        if replaced is not None:
            made += [_lines(text[start : found.start()], start == 0), replaced]
            start = found.end()
    return "".join([*made, _lines(text[start:], start == 0)])


def _replace(found: re.Match[str]) -> str | None:
    """Markdown for one find; None if it stays text."""
    if found["bold"] is not None:
        return f"**{escape(found['bold'].strip())}**" if found["bold"].strip() else None
    if found["single"] is not None and not _MATHS_SIGN.search(found["single"]):
        return None
    maths = found["round"] or found["square"] or found["double"] or found["single"]
    maths = " ".join(maths.replace("\\$", "\\textdollar ").split())
    if not _is_safe(maths):
        return None
    if found["round"] or found["single"]:
        return f"${maths}${JOINER}"
    return f"\n\n$$\n{maths}\n$$\n\n"


def _is_safe(maths: str) -> bool:
    """Whether the mathematics can neither end early nor link, load, define or spread."""
    if (
        not maths
        or len(maths) > LONGEST_MATHS
        or any(mark in maths for mark in "$`")
        or _UNSEEN.search(maths)
    ):
        return False
    trailing = len(maths) - len(maths.rstrip("\\"))
    return trailing % 2 == 0 and not _REFUSED.search(maths)


def _lines(text: str, begins: bool) -> str:
    """Escaped text with its line breaks and the spaces before its lines; `begins`: it starts with a line's start."""
    made = []
    for place, line in enumerate(text.replace("\r\n", "\n").split("\n")):
        if place == 0 and not begins:
            made.append(escape(line))
            continue
        rest = line.lstrip(" ")
        made.append("\u00a0" * (len(line) - len(rest)) + escape(rest) if rest else "")
    # A break inside a paragraph needs two spaces; an empty line is a break of its own.
    broken = [made[0]]
    for before, line in pairwise(made):
        broken.append(("  \n" if before and line else "\n") + line)
    return "".join(broken)


def _code(found: re.Match[str]) -> str:
    return f"‹U+{ord(found[0]):04X}›"
