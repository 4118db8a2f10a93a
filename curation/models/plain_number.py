"""Numbers as people write them: thousands separators, currencies, units, percent, fractions, mixed numbers."""

import re
from dataclasses import dataclass
from fractions import Fraction

_LATEX = (
    (re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r" \1/\2 "),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)(?!\d)"), r" \1/\2 "),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})"), "°"),
    (re.compile(r"\\left|\\right|\\!"), ""),
    (re.compile(r"\\[(),;:\[\]]|\\ "), " "),
    (re.compile(r"\\([%$#&])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<=[a-z])\s*\$\^\{?([23])\}?\$"), r"^\1"),
    (re.compile(r"^\s*(?:minus|negative)\s+(?=[$€£¥.\d])", re.IGNORECASE), "-"),
)
_SIGNS = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u202f": " "})
_PLAIN = re.compile(
    r"""(?P<sign>[-+]?)\s*(?:[$€£¥]\s*)?(?P<inner>[-+]?)
    (?:(?P<whole>\d{1,30})\s+(?=\d))?(?=\.?\d)(?P<digits>\d{1,3}(?:,\d{3})+|\d{1,60})?(?P<decimals>\.\d{1,60})?
    (?:e(?P<exponent>[-+]?\d{1,2}))?
    (?:\s*/\s*(?P<below>\d{1,30}))?
    \s*(?P<percent>%|percent\b)?\s*(?P<unit>(?:[$€£¥°]|[a-z]{2,}+[²³]?(?:\^[23])?|/\s*[a-z]++|\s)*+)""",
    re.IGNORECASE | re.VERBOSE,
)
# Words after a number that change it, so that they are no unit.
_NO_UNIT = {
    *(
        "pi",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "log",
        "ln",
        "exp",
        "times",
        "plus",
        "minus",
        "over",
        "or",
        "and",
        "to",
    ),
    *("half", "halves", "third", "thirds", "quarter", "quarters", "dozen", "hundred", "thousand", "million"),
    *("billion", "trillion", "mod", "base"),
}


@dataclass(frozen=True)
class PlainNumber:
    """A rational number, exactly, and whether it was written as a percentage (then 50% has value 50)."""

    value: Fraction
    is_percent: bool

    def equals(self, other: "PlainNumber") -> bool:
        """Whether both mean the same; 50% equals 50% and 0.5, and also a bare 50 where the unit was left out."""
        if self.value == other.value:
            return True
        if self.is_percent == other.is_percent:
            return False
        percent, bare = (self, other) if self.is_percent else (other, self)
        return percent.value / 100 == bare.value


def without_latex(text: str) -> str:
    """A short answer without what only sets it in type: dollar signs, `\\text`, spacing, stars, a last full stop."""
    text = text.translate(_SIGNS).strip().strip("*_` ")
    for opening, closing in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening + closing):
            text = text[len(opening) : -len(closing)]
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    return " ".join(text.split()).strip().rstrip(".").strip()


def plain_number(text: str) -> PlainNumber | None:
    """Read a text that is one number, perhaps with a currency before it or a unit behind it; None if it is not."""
    found = _PLAIN.fullmatch(without_latex(text))
    if found is None or _NO_UNIT & set(re.findall(r"[a-z]+", found["unit"].lower())):
        return None
    value = Fraction((found["digits"] or "0").replace(",", "") + (found["decimals"] or ""))
    if found["below"]:
        if not int(found["below"]):
            return None
        value /= int(found["below"])
    if found["whole"]:
        if not found["below"]:
            return None
        value += int(found["whole"])
    if found["exponent"]:
        value *= Fraction(10) ** int(found["exponent"])
    negative = (found["sign"] == "-") != (found["inner"] == "-")
    return PlainNumber(-value if negative else value, bool(found["percent"]))
