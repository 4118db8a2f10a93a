"""The traces themselves, all of a project's or those of a saved selection."""

from collections.abc import Mapping, Sequence

from curation.errors import SelectionError
from curation.selection.masks import Spans, masks_of
from curation.selection.saved import load_recipe
from curation.selection.select import select
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.store.project import Project
from curation.traces.trace import Trace


def selected_traces(project: Project, selection: str | None) -> list[Trace]:
    """Read the traces that a saved selection keeps, or all of them if None, in the order of their ids.

    Those of a selection come with their vetoed steps masked; without one, no decision counts.

    Raises:
        SelectionError: The selection is unknown, cannot be made, or keeps nothing, or a file is damaged.
    """
    catalogue = open_catalogue(project)
    try:
        if problem := catalogue.damage("batches", "runs"):
            raise SelectionError(f"The traces are not all there, since a file is damaged. {problem}")
        if selection is None:
            traces = read_traces(catalogue, frame_of(catalogue).names)
        else:
            made = select(catalogue, load_recipe(project, selection))
            traces = read_traces(catalogue, made.selected_ids, masks_of(catalogue, made))
    finally:
        catalogue.close()
    if not traces:
        raise SelectionError(
            "There are no traces to learn from; ingest some, or choose a selection that keeps some."
        )
    return traces


def read_traces(
    catalogue: Catalogue, trace_ids: Sequence[str], masks: Mapping[str, Spans] | None = None
) -> list[Trace]:
    """Some traces, in the order of their ids, with what carries no loss in them."""
    rows = catalogue.rows(
        """SELECT trace_id, prompt, response, answer, system FROM traces
           WHERE trace_id IN (SELECT unnest($1)) ORDER BY trace_id""",
        [list(trace_ids)],
    )
    masked = masks or {}
    return [
        Trace(prompt, response, answer, system, masked=tuple(masked.get(trace_id, ())))
        for trace_id, prompt, response, answer, system in rows
    ]
