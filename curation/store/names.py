"""Names that people give to what they save: each is a plain file's name everywhere."""

import re
from pathlib import Path

_NAME = re.compile(r"\w(?:[\w ,.+()%-]*[\w)%+])?")
_LONGEST = 120


def name_problem(name: str) -> str:
    """What is wrong with a name, as the end of a sentence; "" if nothing is."""
    if _NAME.fullmatch(name) and len(name.encode()) <= _LONGEST:
        return ""
    return (
        "start with a letter or digit and use letters, digits, spaces "
        f"and , . + - _ ( ) %, at most {_LONGEST} bytes."
    )


def saved_names(folder: Path) -> list[str]:
    """Names of the TOML files of a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml") if not name_problem(path.stem))
