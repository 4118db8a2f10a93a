"""Saved selections: recipes under a name, as small TOML files of the project."""

import tomllib
from pathlib import Path

import pyarrow as pa
import tomli_w

from curation.errors import SelectionError
from curation.selection.recipes import Recipe, from_fields, to_fields
from curation.selection.select import select
from curation.store.catalogue import Catalogue
from curation.store.names import name_problem, saved_names
from curation.store.project import Project
from curation.store.publish import write_whole

SELECTIONS = pa.schema(
    [("selection", pa.string()), ("trace_id", pa.string()), ("selected", pa.bool_()), ("why", pa.string())]
)


def selection_path(project: Project, name: str) -> Path:
    """Where a selection of this name is saved.

    Raises:
        SelectionError: The name could not be a plain file's name everywhere.
    """
    if problem := name_problem(name):
        raise SelectionError(f"{name!r} cannot name a selection; {problem}")
    return project.root / "selections" / f"{name}.toml"


def save_selection(project: Project, name: str, recipe: Recipe) -> None:
    """Save a recipe under a name, in place of what the name meant before.

    Save `Selection.recipe`, which names its run, where the choice should stay the same after new runs.
    """
    path = selection_path(project, name)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, tomli_w.dumps(to_fields(recipe)).encode())


def load_recipe(project: Project, name: str) -> Recipe:
    """The recipe saved under a name.

    Raises:
        SelectionError: There is none, or the file is damaged.
    """
    path = selection_path(project, name)
    try:
        return from_fields(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        names = ", ".join(list_selections(project)) or "none so far"
        raise SelectionError(
            f"There is no selection {name!r} (saved: {names}); save one with `curation select`."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SelectionError(
            f"selections/{path.name} cannot be read ({error}); mend it or save it again."
        ) from error
    except SelectionError as error:
        raise SelectionError(f"selections/{path.name} cannot be used: {error}") from error


def list_selections(project: Project) -> list[str]:
    """Names of the saved selections, sorted."""
    return saved_names(project.root / "selections")


def selections_table(project: Project, catalogue: Catalogue) -> pa.Table:
    """Every saved selection, a row for each of its traces: (selection, trace_id, selected, why).

    A selection that cannot be made is left out and named in the catalogue's problems.
    """
    tables = []
    for name in list_selections(project):
        try:
            made = select(catalogue, load_recipe(project, name))
        except SelectionError as error:
            catalogue.problems.append(f"Selection {name} cannot be made: {error}")
            continue
        columns = [
            pa.array([name] * len(made.trace_ids)),
            pa.array(made.trace_ids),
            pa.array(made.selected),
            pa.array(made.why),
        ]
        tables.append(
            pa.table(
                [column.cast(kind.type) for column, kind in zip(columns, SELECTIONS, strict=True)], SELECTIONS
            )
        )
    return pa.concat_tables([SELECTIONS.empty_table(), *tables])
