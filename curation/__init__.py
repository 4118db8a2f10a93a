"""Decide what a reasoning model learns from: score chain-of-thought traces, read them, veto, export.

The command line, the app and a notebook call the same functions: `from curation import open_project, score, select`.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Fields": "traces.shapes",
    "Query": "traces.query",
    "Recipe": "selection.recipes",
    "ScoreRequest": "scoring.request",
    "Trace": "traces.trace",
    "add_queries": "store.queries",
    "create_project": "store.project",
    "decide": "store.decisions",
    "export_selection": "export.write:export",  # `curation.export` is the package
    "find_near_duplicates": "scoring.near_duplicates",
    "ingest": "store.ingest",
    "make_concept": "scoring.concepts.make",
    "make_map": "scoring.map",
    "open_catalogue": "store.catalogue",
    "open_project": "store.project",
    "push": "export.push",
    "save_selection": "selection.saved",
    "score": "scoring.score",
    "select": "selection.select",
    "train": "models.train",
    "trajectory": "scoring.trajectory.trajectory",
    "TrajectoryRequest": "scoring.trajectory.request",
    "redo": "store.decisions",
    "undo": "store.decisions",
    "verify": "export.verify",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that a quick command does not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'curation' has no attribute {name!r}")
    module, _, inside = _HOME[name].partition(":")
    return getattr(import_module(f"curation.{module}"), inside or name)
