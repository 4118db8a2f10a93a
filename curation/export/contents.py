"""What goes into an export: the selected traces, with their vetoed steps where the format can carry them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from curation.errors import ExportError
from curation.export.formats import CARRY_MASKS, MASKED_SCHEMA, SCHEMA, check_format
from curation.selection.masks import Spans, masks_of
from curation.selection.select import Selection
from curation.store.catalogue import Catalogue

# What to do with traces whose steps are vetoed, in a format that cannot say so.
POLICIES = ("refuse", "drop")


@dataclass(frozen=True)
class Contents:
    """The traces of an export.

    Attributes:
        trace_ids: Sorted.
        masks: The spans without loss of those that have some; empty if the format cannot carry any.
        dropped: How many selected traces were left out since their steps are vetoed.
    """

    trace_ids: tuple[str, ...]
    masks: Mapping[str, Spans]
    dropped: int

    @property
    def schema(self) -> pa.Schema:
        """Of the rows: with a column for masks only if there are some, so that other exports stay as they were."""
        return MASKED_SCHEMA if self.masks else SCHEMA


def contents_of(catalogue: Catalogue, selection: Selection, format: str, policy: str = "refuse") -> Contents:
    """Find out what is exported.

    Args:
        catalogue: The project.
        selection: What was selected.
        format: One of `FORMATS`.
        policy: One of `POLICIES`.

    Raises:
        ExportError: Selected traces have vetoed steps, the format cannot carry them, and nobody said to drop those.
    """
    check_format(format)
    if policy not in POLICIES:
        raise ExportError(
            f"There is no policy {policy!r} for vetoed steps; use one of {', '.join(POLICIES)}."
        )
    ids = selection.selected_ids
    masks = masks_of(catalogue, selection)
    if not masks or format in CARRY_MASKS:
        return Contents(ids, masks, 0)
    if policy == "refuse":
        raise ExportError(
            f"{len(masks):,} selected {'trace has' if len(masks) == 1 else 'traces have'} vetoed steps, which the format "
            f"{format} cannot carry; use {', '.join(CARRY_MASKS[:-1])} or {CARRY_MASKS[-1]}, or drop those traces."
        )
    return Contents(tuple(one for one in ids if one not in masks), {}, len(masks))
