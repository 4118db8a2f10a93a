"""The house keeps its shape: imports only ever point down, pages hold no SQL and no torch, and prose is true."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {
    "errors": 0,
    "traces": 1,
    "store": 2,
    "models": 2,
    "scoring": 3,
    "selection": 3,
    "validation": 4,
    "export": 4,
    "demo": 4,
    "ui": 5,
    "commands": 5,
    "cli": 5,
}
SOURCES = sorted((ROOT / "curation").rglob("*.py"))
FACES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    inside = path.relative_to(ROOT / "curation").parts
    own = inside[0].removesuffix(".py")
    for module in imported(path):
        if module.startswith("curation.") and own in FLOORS:
            assert FLOORS[part(module)] <= FLOORS[own], f"{path.name} imports {module}"


def test_every_part_has_a_floor() -> None:
    parts = {path.relative_to(ROOT / "curation").parts[0].removesuffix(".py") for path in SOURCES}
    assert parts - {"__init__"} == set(FLOORS)


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
def test_pages_hold_no_sql_and_no_torch(path: Path) -> None:
    assert not {"torch", "duckdb", "transformers"} & {module.split(".")[0] for module in imported(path)}
    assert not re.search(r"\bSELECT\b.*\bFROM\b", path.read_text(), re.DOTALL)


def test_files_named_in_the_docs_are_there() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for name in re.findall(
            r"`((?:curation|tests|benchmarks|scoring|store|models|traces|influence)/[\w/-]+\.\w+)`", text
        ):
            places = [ROOT / name, ROOT / "curation" / name, ROOT / "curation" / "scoring" / name]
            assert any(place.exists() for place in places), f"{page.name} names {name}"


def test_every_public_name_is_there() -> None:
    import curation

    for name in [
        *curation.__all__,
        *curation.__all__,
    ]:  # twice: a module of the same name would hide the second
        assert callable(getattr(curation, name))
    with pytest.raises(AttributeError):
        _ = curation.nonsense
