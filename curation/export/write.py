"""Exporting a selection: the file, its manifest and its card, all complete or not there."""

import secrets
from pathlib import Path

from curation.errors import ExportError
from curation.export.card import card, card_path
from curation.export.contents import Contents, contents_of
from curation.export.formats import check_format, write_rows
from curation.export.manifest import Manifest, make_manifest, manifest_path, to_json
from curation.export.rows import exported_rows
from curation.export.sink import Sink, file_sha256
from curation.selection.saved import load_recipe
from curation.selection.select import Selection, select
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import Project
from curation.store.publish import flush


def export(
    project: Project,
    selection_name: str,
    format: str,
    path: Path,
    *,
    overwrite: bool = False,
    masked: str = "refuse",
) -> Manifest:
    """Write a saved selection to a file, in the order of ingest, with a manifest and a card beside it.

    The file appears under its name last, in one step, when everything is on disk and was read back.

    Args:
        project: The project.
        selection_name: The saved selection.
        format: One of `FORMATS`.
        path: Where to; `.manifest.json` and `.card.md` are added for the two beside it.
        overwrite: Replace a file that is there.
        masked: What becomes of traces whose steps are vetoed if the format cannot carry that: "refuse" or "drop".

    Raises:
        ExportError: The format is unknown or cannot carry vetoed steps, the file is there, cannot be written, or a batch
            cannot be read.
        SelectionError: The selection is unknown or cannot be made.
    """
    check_format(format)
    path = Path(path)
    recipe = load_recipe(project, selection_name)
    _refuse_place(project, path, overwrite)
    catalogue = open_catalogue(project)
    try:
        _refuse_damage(catalogue)
        selection = select(catalogue, recipe)
        contents = contents_of(catalogue, selection, format, masked)
        return _write(catalogue, selection, contents, selection_name, format, path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({error}); nothing was left there.") from error
    finally:
        catalogue.close()


def _refuse_damage(catalogue: Catalogue) -> None:
    """An export of what happens to be readable would look complete and not be."""
    if problem := catalogue.damage("batches", "queries", "runs"):
        raise ExportError(f"Nothing was exported, since a file is damaged. {problem}")


def _refuse_place(project: Project, path: Path, overwrite: bool) -> None:
    """What is there stays there unless asked, and the project's own files in any case."""
    if path.is_dir() or (path.exists() and not overwrite):
        raise ExportError(f"{path} is already there; choose another name, or ask for it to be replaced.")
    root = project.root.resolve()
    inside = path.resolve().is_relative_to(root) and not path.resolve().is_relative_to(root / "exports")
    if path.exists() and inside:
        raise ExportError(
            f"{path} is a file of the project itself and is never replaced; choose another name."
        )


def _write(
    catalogue: Catalogue, selection: Selection, contents: Contents, name: str, format: str, path: Path
) -> Manifest:
    """Write all three beside their places first, so that nothing can be seen before all is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = [card_path(path), manifest_path(path), path]
    token = secrets.token_hex(4)
    parts = [place.with_name(f".{place.name}-{token}.part") for place in places]
    try:
        sink = _write_file(parts[2], format, catalogue, contents)
        manifest = make_manifest(
            catalogue, selection, contents, name=name, format=format, path=path, written=sink
        )
        parts[0].write_bytes(card(manifest, selection).encode())
        parts[1].write_bytes(to_json(manifest))
        for part in parts:
            flush(part)
        for part, place in zip(parts, places, strict=True):
            part.replace(place)
        flush(path.parent)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return manifest


def _write_file(part: Path, format: str, catalogue: Catalogue, contents: Contents) -> Sink:
    """Stream the traces to disk and read them back."""
    with part.open("xb") as file:
        sink = Sink(file)
        write_rows(format, exported_rows(catalogue, contents), contents.schema, sink)
    flush(part)
    if file_sha256(part) != sink.sha256:
        raise ExportError(f"{part} was not stored as it was written; check the disk and export again.")
    return sink
