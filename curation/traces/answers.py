"""The final answer inside a response, where the response marks one."""

import re

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_THINK_END = "</think>"
_SHORT = 100
_PHRASE = re.compile(
    r"\b(?:answer|(?:correct|right|best)[ \t]+(?:option|choice))[*_ \t]*(?:is|:|=)[*_: \t]*"
    r"([^\n]{1,200}?)(?=[.*_ \t]*(?:\n|$)|\.[*_]*[ \t])",
    re.IGNORECASE,
)


def extract_answer(response: str) -> str:
    r"""The final answer that a response marks; "" where it marks none.

    That is `#### N` on its last line, else the last `\boxed{N}` after the reasoning, else what stands alone
    on one short line after `</think>` (of "the answer is N" there, N), else the last `\boxed{N}` anywhere.
    """
    last_line = response.rstrip().rpartition("\n")[2].strip()
    if last_line.startswith("####"):
        return last_line.lstrip("#").strip()
    _, think_end, conclusion = response.rpartition(_THINK_END)
    if boxed := _last_boxed(conclusion):
        return boxed
    conclusion = conclusion.strip()
    if think_end and conclusion and "\n" not in conclusion and len(conclusion) <= _SHORT:
        return said_answer(conclusion) or conclusion
    return _last_boxed(response)


def said_answer(text: str) -> str:
    """N of the last "the answer is N" or "Answer: N"; "" if nothing says so."""
    found = _PHRASE.findall(text)
    return found[-1].strip() if found else ""


def _last_boxed(text: str) -> str:
    r"""What the last `\boxed{...}` holds, braces balanced; "" if there is none or it never closes."""
    opening = r"\boxed{"
    start = text.rfind(opening)
    if start < 0:
        return ""
    start += len(opening)
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start : brace.start()].strip()
    return ""
