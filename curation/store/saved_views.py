"""Saved views: the filters and the order of a list under a name, as small TOML files of the project."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from curation.errors import ProjectError
from curation.store.names import name_problem, saved_names
from curation.store.project import Project
from curation.store.publish import write_whole
from curation.store.search import Search
from curation.store.view import Range, View


def save_view(project: Project, name: str, view: View) -> None:
    """Save a view under a name, in place of what the name meant before; a set of traces (`among`) is not kept.

    Raises:
        ProjectError: The name could not be a plain file's name everywhere.
    """
    path = _path(project, name)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, tomli_w.dumps(_fields(view)).encode())


def load_view(project: Project, name: str) -> View:
    """The view saved under a name.

    Raises:
        ProjectError: There is none, or the file is damaged.
    """
    path = _path(project, name)
    try:
        return _view(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        names = ", ".join(list_views(project)) or "none so far"
        raise ProjectError(f"There is no view {name!r} (saved: {names}); Browse saves them.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ProjectError(
            f"views/{path.name} cannot be read ({error}); mend it or save it again."
        ) from error


def delete_view(project: Project, name: str) -> None:
    """Forget a saved view, if there is one of this name."""
    _path(project, name).unlink(missing_ok=True)


def list_views(project: Project) -> list[str]:
    """Names of the saved views, sorted."""
    return saved_names(project.root / "views")


def _path(project: Project, name: str) -> Path:
    if problem := name_problem(name):
        raise ProjectError(f"{name!r} cannot name a view; {problem}")
    return project.root / "views" / f"{name}.toml"


def _fields(view: View) -> dict[str, Any]:
    fields: dict[str, Any] = {"descending": view.descending}
    for name in ("score", "verdict", "selection"):
        if value := getattr(view, name):
            fields[name] = value
    if view.search:
        fields["search"] = {"text": view.search.text, "how": view.search.how}
    limits = [{"score": one.score, "low": one.low, "high": one.high} for one in view.ranges]
    fields["ranges"] = [{key: value for key, value in one.items() if value is not None} for one in limits]
    fields["facets"] = [{"key": key, "values": list(values)} for key, values in view.facets]
    if view.columns:
        fields["columns"] = list(view.columns)
    return fields


def _view(fields: dict[str, Any]) -> View:
    """A view from what `_fields` wrote; a ValueError says which field is wrong."""
    verdict, selection = fields.get("verdict", ""), fields.get("selection", "")
    found = fields.get("search")
    how: Any = found.get("how", "written") if found else "written"
    for name, value, allowed in (
        ("verdict", verdict, ("", "keep", "veto", "none")),
        ("selection", selection, ("", "in", "out")),
        ("how", how, ("written", "any case", "pattern")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} cannot be {value!r}")
    columns = fields.get("columns", [])
    if not isinstance(columns, list):
        raise ValueError(f"columns cannot be {columns!r}")
    return View(
        score=str(fields["score"]) if "score" in fields else None,
        descending=bool(fields.get("descending", True)),
        verdict=verdict,
        ranges=tuple(
            Range(str(one["score"]), _number(one.get("low")), _number(one.get("high")))
            for one in fields.get("ranges", [])
        ),
        facets=tuple(
            (str(one["key"]), tuple(str(value) for value in one["values"]))
            for one in fields.get("facets", [])
        ),
        selection=selection,
        search=Search(str(found["text"]), how) if found else None,
        columns=tuple(str(name) for name in columns),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
