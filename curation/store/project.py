"""A project is a folder; this is its layout and its settings."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from curation.errors import ProjectError
from curation.store.publish import published, write_whole

FOLDERS = ("batches", "queries", "runs", "maps", "duplicates", "selections", "exports")


@dataclass(frozen=True)
class Project:
    """An open project folder.

    Attributes:
        root: The folder.
        name: Shown in the app.
        template: How a prompt becomes text: "auto" (the model's chat template where it has one, else
            "plain"), "plain" (prompt, newline), or a text of one's own with `{prompt}` and, if wanted, `{system}`.
    """

    root: Path
    name: str
    template: str = "auto"

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
    if template not in ("auto", "plain") and "{prompt}" not in template:
        raise ProjectError("The template has no {prompt} in it; use auto, plain, or a text with {prompt}.")
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
    try:
        settings = tomllib.loads((root / "project.toml").read_text(encoding="utf-8"))
        return Project(root=root, name=str(settings["name"]), template=str(settings.get("template", "auto")))
    except FileNotFoundError as error:
        raise ProjectError(f"{root} is not a project; make one with `curation init {root}`.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise ProjectError(
            f"{root / 'project.toml'} cannot be read ({error}); mend or restore it."
        ) from error
