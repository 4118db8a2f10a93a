"""The traces themselves, all of a project's or those of a saved selection."""

from curation.errors import SelectionError
from curation.selection.saved import load_recipe
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.traces.trace import Trace


def selected_traces(project: Project, selection: str | None) -> list[Trace]:
    """Read the traces that a saved selection keeps, or all of them if None, in the order of their ids.

    Raises:
        SelectionError: The selection is unknown, cannot be made, or keeps nothing, or a file is damaged.
    """
    catalogue = open_catalogue(project)
    try:
        if problem := catalogue.damage("batches", "runs"):
            raise SelectionError(f"The traces are not all there, since a file is damaged. {problem}")
        sql = "SELECT prompt, response, answer, system FROM traces"
        if selection is None:
            rows = catalogue.rows(f"{sql} ORDER BY trace_id")
        else:
            kept = list(select(catalogue, load_recipe(project, selection)).selected_ids)
            rows = catalogue.rows(f"{sql} WHERE trace_id IN (SELECT unnest($1)) ORDER BY trace_id", [kept])
    finally:
        catalogue.close()
    if not rows:
        raise SelectionError(
            "There are no traces to learn from; ingest some, or choose a selection that keeps some."
        )
    return [Trace(prompt, response, answer, system) for prompt, response, answer, system in rows]
