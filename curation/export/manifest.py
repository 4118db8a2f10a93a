"""The manifest beside an export: everything that it follows from, by hash."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pyarrow as pa

from curation.errors import ExportError
from curation.export.contents import Contents
from curation.export.sink import Sink, file_sha256
from curation.selection.recipes import to_fields
from curation.selection.select import Selection
from curation.store.catalogue import Catalogue

_EVENTS = """SELECT number, trace_id, verdict, reason, note, actor, time, batch, undoes, start, stop
             FROM decisions WHERE number <= ? ORDER BY number"""


@dataclass(frozen=True)
class Manifest:
    """What an export holds and what it was made from. Hashes are SHA-256 in hex digits.

    Attributes:
        file: Name of the export, in the manifest's own folder.
        format: One of `FORMATS`.
        project: The project's folder, relative to the manifest's.
        selection: Name under which the recipe is saved.
        recipe: The recipe in full, its run and group filled in.
        runs: Runs whose scores it read.
        inputs: Path in the project -> hash of that file.
        decision_number: The last decision that was applied.
        decisions_sha256: Hash of the decision log up to there.
        counts: How many traces went which way.
        selected_sha256: Hash of the sorted ids of the traces in it.
        rows: Traces in the file.
        masked_traces: How many of them have vetoed steps, which the file says.
        dropped_traces: How many selected ones are not in the file, since their steps are vetoed.
        bytes: Its length.
        sha256: Its hash.
        versions: Of the programs that wrote it.
        created: When, in UTC.
    """

    file: str
    format: str
    project: str
    selection: str
    recipe: Mapping[str, Any]
    runs: list[str]
    inputs: Mapping[str, str]
    decision_number: int
    decisions_sha256: str
    counts: Mapping[str, int]
    selected_sha256: str
    rows: int
    bytes: int
    sha256: str
    versions: Mapping[str, str]
    created: str
    masked_traces: int = 0
    dropped_traces: int = 0


def manifest_path(path: Path) -> Path:
    """Where the manifest of an export lies."""
    return path.with_name(path.name + ".manifest.json")


def make_manifest(
    catalogue: Catalogue,
    selection: Selection,
    contents: Contents,
    *,
    name: str,
    format: str,
    path: Path,
    written: Sink,
) -> Manifest:
    """Put together what there is to say about an export that was just written.

    Args:
        catalogue: What it was made from.
        selection: What it was made of.
        contents: What is in it.
        name: The selection's name.
        format: The export's format.
        path: The export's final place.
        written: What went into it.
    """
    root = catalogue.project.root
    run_id = selection.recipe.run_id
    return Manifest(
        file=path.name,
        format=format,
        project=Path(os.path.relpath(root.resolve(), path.parent.resolve())).as_posix(),
        selection=name,
        recipe=to_fields(selection.recipe),
        runs=[run_id] if run_id else [],
        inputs={file: file_sha256(root / file) for file in _inputs(catalogue, run_id, name)},
        decision_number=selection.decision_number,
        decisions_sha256=decisions_sha256(catalogue, selection.decision_number),
        counts=asdict(selection.counts),
        selected_sha256=ids_sha256(selection),
        rows=len(contents.trace_ids),
        bytes=written.bytes,
        sha256=written.sha256,
        versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        masked_traces=len(contents.masks),
        dropped_traces=contents.dropped,
    )


def _inputs(catalogue: Catalogue, run_id: str | None, selection: str) -> list[str]:
    """All batches and queries, the run that was read, and the saved recipe."""
    read = [file for file in catalogue.files if PurePosixPath(file).parts[0] in ("batches", "queries")]
    return [*read, *([f"runs/{run_id}.duckdb"] if run_id else []), f"selections/{selection}.toml"]


def versions() -> dict[str, str]:
    """Versions of what decides an export's bytes."""
    return {
        "curation": version("curation"),
        "duckdb": duckdb.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
    }


def ids_sha256(selection: Selection) -> str:
    """Hash of the sorted ids of the selected traces."""
    return hashlib.sha256("\n".join(selection.selected_ids).encode()).hexdigest()


def decisions_sha256(catalogue: Catalogue, number: int) -> str:
    """Hash of the decision log up to an event."""
    digest = hashlib.sha256()
    for *event, start, stop in catalogue.rows(_EVENTS, [number]):
        if start is not None:  # Events on whole traces hash as they did before there were others.
            event += [start, stop]
        digest.update(json.dumps(event, default=str).encode() + b"\n")
    return digest.hexdigest()


def to_json(manifest: Manifest) -> bytes:
    """The manifest as JSON with sorted keys."""
    return json.dumps(asdict(manifest), indent=2, sort_keys=True).encode() + b"\n"


def read_manifest(path: Path) -> Manifest:
    """Read a manifest file.

    Raises:
        ExportError: It is missing, or no manifest.
    """
    try:
        values = json.loads(path.read_bytes())
        manifest = Manifest(**values)
    except FileNotFoundError as error:
        raise ExportError(
            f"{path.name} is missing; without it nothing can be verified, so export again."
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise ExportError(f"{path.name} cannot be read as a manifest; restore it or export again.") from error
    kinds: dict[str, type] = {"runs": list, **dict.fromkeys(("recipe", "inputs", "counts", "versions"), dict)}
    kinds |= dict.fromkeys(("decision_number", "rows", "bytes", "masked_traces", "dropped_traces"), int)
    for each in fields(Manifest):
        if not isinstance(getattr(manifest, each.name), kinds.get(each.name, str)):
            raise ExportError(f"{path.name} is damaged at {each.name!r}; restore it or export again.")
    return manifest
