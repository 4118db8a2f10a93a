"""Verifying an export: the file against its manifest, and the manifest against the project."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import CurationError, ExportError
from curation.export.contents import contents_of
from curation.export.formats import check_format, write_lines
from curation.export.manifest import (
    Manifest,
    decisions_sha256,
    ids_sha256,
    manifest_path,
    read_manifest,
    versions,
)
from curation.export.rows import exported_rows
from curation.export.sink import Sink, file_sha256
from curation.selection.recipes import from_fields
from curation.selection.select import Selection, select
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import FOLDERS, Project, open_project


class Check(NamedTuple):
    """One thing that was looked at; the detail is a sentence."""

    what: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes:
        ok: Whether every check passed.
        checks: In the order in which they were made.
    """

    ok: bool
    checks: list[Check]


def verify(path: Path, project: Project | None = None) -> Verification:
    """Compare an export with its manifest, and derive both again from the project as it was then.

    What came after it (batches, queries, runs, decisions) does not matter; a changed byte of the file, of an
    input, of the saved recipe or of a decision does.

    Args:
        path: The export, or its manifest.
        project: Where the project is now; where the manifest says if None.
    """
    path = Path(path)
    if path.name.endswith(".manifest.json"):
        path = path.with_name(path.name.removesuffix(".manifest.json"))
    checks = list(_checks(path, project))
    return Verification(all(check.ok for check in checks), checks)


def _checks(path: Path, project: Project | None) -> Iterator[Check]:
    try:
        manifest = read_manifest(manifest_path(path))
        check_format(manifest.format)
    except ExportError as error:
        yield Check("manifest", False, str(error))
        return
    yield Check("manifest", True, f"It names {len(manifest.inputs)} inputs and {manifest.rows:,} traces.")
    file = _file(path, manifest)
    yield file
    try:
        project = project or open_project(path.parent / manifest.project)
    except (CurationError, OSError, ValueError) as error:
        yield Check("project", False, f"{error} The file was compared with its manifest only.")
        return
    inputs = [_input(project, name, sha256) for name, sha256 in sorted(manifest.inputs.items())]
    yield from inputs
    if not all(check.ok for check in inputs if not check.what.startswith("selections/")):
        yield Check("selection", False, "It was not derived again, since an input is missing or has changed.")
        return
    try:
        yield from _derived(path if file.ok else None, project, manifest)
    except CurationError as error:
        yield Check("selection", False, f"It cannot be derived again: {error}")


def _file(path: Path, manifest: Manifest) -> Check:
    """The export's own bytes."""
    try:
        sha256 = file_sha256(path)
    except OSError:
        return Check("file", False, f"{path} is missing or cannot be read; export again.")
    if sha256 != manifest.sha256:
        return Check(
            "file", False, f"{path.name} is not what was exported: its SHA-256 differs from the manifest's."
        )
    return Check("file", True, f"{path.name} is what was exported, {manifest.bytes:,} bytes.")


def _input(project: Project, name: str, sha256: str) -> Check:
    """One file that the export was made from."""
    parts = PurePosixPath(name).parts
    if len(parts) != 2 or parts[0] not in FOLDERS or parts[1] == "..":
        return Check(name, False, f"The manifest names {name!r}, which is no file of a project.")
    try:
        found = file_sha256(project.root / name)
    except (OSError, ValueError):
        return Check(name, False, f"{name} is missing from the project; restore it.")
    if found != sha256:
        return Check(name, False, f"{name} has changed since the export; restore it, or export again.")
    return Check(name, True, f"{name} is unchanged.")


def _derived(path: Path | None, project: Project, manifest: Manifest) -> Iterator[Check]:
    """Decisions, selection and content, derived from the files that the manifest names and no others."""
    catalogue = open_catalogue(project, files=set(manifest.inputs))
    try:
        same = decisions_sha256(catalogue, manifest.decision_number) == manifest.decisions_sha256
        state = "unchanged" if same else "not what it was"
        yield Check("decisions", same, f"The log up to decision {manifest.decision_number} is {state}.")
        selection = select(catalogue, from_fields(manifest.recipe), decision_number=manifest.decision_number)
        yield _selection(selection, manifest)
        if path is not None:
            yield _content(path, catalogue, selection, manifest)
    finally:
        catalogue.close()


def _selection(selection: Selection, manifest: Manifest) -> Check:
    """The recipe and the decisions, applied again."""
    if ids_sha256(selection) == manifest.selected_sha256 and asdict(selection.counts) == manifest.counts:
        return Check("selection", True, f"The recipe selects the same {selection.counts.kept:,} traces.")
    now, then = versions(), manifest.versions
    other = [f"{name} {then.get(name)} then, {now[name]} now" for name in now if now[name] != then.get(name)]
    why = f" Versions differ: {'; '.join(other)}." if other else ""
    return Check("selection", False, f"The recipe does not select the same traces or counts.{why}")


def _content(path: Path, catalogue: Catalogue, selection: Selection, manifest: Manifest) -> Check:
    """The file, made again; Parquet by its rows, since its bytes depend on the version of its writer."""
    made = Sink()
    contents = contents_of(
        catalogue, selection, manifest.format, "drop" if manifest.dropped_traces else "refuse"
    )
    write_lines(manifest.format, exported_rows(catalogue, contents), made)
    there = manifest.sha256
    if manifest.format == "parquet":
        read = Sink()
        write_lines("parquet", _parquet_rows(path, contents.schema.names), read)
        there = read.sha256
    if made.sha256 == there:
        return Check("content", True, "Made again from the project, the content is the same.")
    return Check("content", False, "Made again from the project, the content differs; export again.")


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of an exported Parquet file, in slices."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=2048, columns=columns)
