"""A project is a folder; this is its layout and its settings."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from curation.errors import ProjectError
from curation.store.publish import published, write_whole

FOLDERS = ("batches", "queries", "runs", "maps", "duplicates", "concepts", "selections", "exports")


@dataclass(frozen=True)
class Defaults:
    """What a project suggests to those who work on it; "" suggests nothing.

    Attributes:
        reviewer: Name that decisions in the app carry until another is typed.
        export_format: Format of an export that names none.
    """

    reviewer: str = ""
    export_format: str = ""


@dataclass(frozen=True)
class Project:
    """An open project folder.

    Attributes:
        root: The folder.
        name: Shown in the app.
        template: How a prompt becomes text: "auto" (the model's chat template where it has one, else
            "plain"), "plain" (prompt, newline), or a text of one's own with `{prompt}` and, if wanted, `{system}`.
        defaults: What it suggests.
    """

    root: Path
    name: str
    template: str = "auto"
    defaults: Defaults = Defaults()

    @property
    def batches(self) -> list[Path]:
        """Published files of traces, oldest first."""
        return published(self.root / "batches")

    @property
    def queries(self) -> list[Path]:
        """Published files of queries, oldest first."""
        return published(self.root / "queries")

    @property
    def runs(self) -> list[Path]:
        """Published scoring runs, oldest first."""
        return published(self.root / "runs")

    @property
    def maps(self) -> list[Path]:
        """Published maps, oldest first."""
        return published(self.root / "maps")

    @property
    def duplicates(self) -> list[Path]:
        """Published groups of near-duplicates, oldest first; a project of an older version has no such folder."""
        return published(self.root / "duplicates")

    @property
    def decisions(self) -> Path:
        """The one file that changes; absent until the first decision."""
        return self.root / "decisions.duckdb"

    @property
    def files(self) -> tuple[str, ...]:
        """Names of everything published: the key of every cache, since a published file never changes."""
        paths = [*self.batches, *self.queries, *self.runs, *self.maps, *self.duplicates]
        return tuple(str(path.relative_to(self.root)) for path in paths)


def create_project(root: Path, *, name: str | None = None, template: str = "auto") -> Project:
    """Make a new, empty project folder.

    Raises:
        ProjectError: A project is already there, the folder is not empty, or the template has no `{prompt}`.
    """
    if (root / "project.toml").exists():
        raise ProjectError(f"{root} already is a project; use it as it is, or choose another folder.")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ProjectError(f"{root} is there and not empty; choose a new folder for the project.")
    _check_template(template)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    settings = {"name": name or root.resolve().name, "template": template}
    write_whole(root / "project.toml", tomli_w.dumps(settings).encode())
    return open_project(root)


def open_project(root: Path) -> Project:
    """Open a project folder.

    Raises:
        ProjectError: There is none, or its settings cannot be read.
    """
    settings = _settings(root)
    found = {key: str(value) for key, value in settings.get("defaults", {}).items()}
    return Project(
        root=root,
        name=str(settings["name"]),
        template=str(settings.get("template", "auto")),
        defaults=Defaults(found.get("reviewer", ""), found.get("export_format", "")),
    )


def save_settings(project: Project, *, template: str, defaults: Defaults) -> Project:
    """Write a project's template and defaults; what else its settings hold stays, but for comments.

    Raises:
        ProjectError: The template has no `{prompt}`, or the settings that are there cannot be read.
    """
    _check_template(template)
    settings = _settings(project.root)
    suggested = {**settings.get("defaults", {}), **asdict(defaults)}
    settings |= {
        "template": template,
        "defaults": {key: value for key, value in suggested.items() if value != ""},
    }
    write_whole(project.root / "project.toml", tomli_w.dumps(settings).encode())
    return open_project(project.root)


def _check_template(template: str) -> None:
    if template not in ("auto", "plain") and "{prompt}" not in template:
        raise ProjectError("The template has no {prompt} in it; use auto, plain, or a text with {prompt}.")


def _settings(root: Path) -> dict[str, Any]:
    """What project.toml says, unknown keys and all; it has a name, and `defaults` is a table if it is there."""
    try:
        settings = tomllib.loads((root / "project.toml").read_text(encoding="utf-8"))
        if "name" not in settings:
            raise ValueError("it has no name")
        if not isinstance(settings.get("defaults", {}), dict):
            raise ValueError("defaults is no table")
    except FileNotFoundError as error:
        raise ProjectError(f"{root} is not a project; make one with `curation init {root}`.") from error
    except ValueError as error:  # Neither TOML nor UTF-8 is one too.
        raise ProjectError(
            f"{root / 'project.toml'} cannot be read ({error}); mend or restore it."
        ) from error
    return settings
