"""Vetoed steps: what stays in a trace and leaves the loss."""

from collections.abc import Iterable, Mapping, Sequence

from curation.selection.select import Selection
from curation.store.catalogue import Catalogue
from curation.store.log import CURRENT_STEPS

# Start and stop in characters of the response; those of one trace are in order and do not touch.
Spans = Sequence[tuple[int, int]]


def masked_spans(catalogue: Catalogue, decision_number: int) -> dict[str, Spans]:
    """The spans of each trace that carry no loss, after the decisions up to a number; traces without any are not there."""
    rows = catalogue.rows(
        f"SELECT trace_id, start, stop FROM ({CURRENT_STEPS.format(upto='number <= ?')}) ORDER BY ALL",
        [decision_number],
    )
    return merged(rows)


def merged(steps: Iterable[tuple[str, int, int]]) -> dict[str, Spans]:
    """Steps, sorted by trace id, start and stop, as the spans of each trace; those that touch are one."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for trace_id, start, stop in steps:
        of_trace = spans.setdefault(trace_id, [])
        if of_trace and start <= of_trace[-1][1]:
            of_trace[-1] = (of_trace[-1][0], max(stop, of_trace[-1][1]))
        else:
            of_trace.append((start, stop))
    return dict(spans)


def masks_of(catalogue: Catalogue, selection: Selection) -> dict[str, Spans]:
    """The spans that carry no loss in a selection's traces, after the decisions that it applied."""
    return of_selected(masked_spans(catalogue, selection.decision_number), selection.selected_ids)


def segments(text: str, masked: Spans) -> list[tuple[str, bool]]:
    """A text cut at masked spans: (piece, whether it carries loss), in order; the pieces add up to the text."""
    pieces: list[tuple[str, bool]] = []
    place = 0
    for start, stop in masked:
        start, stop = min(start, len(text)), min(stop, len(text))
        pieces += [(text[place:start], True), (text[start:stop], False)]
        place = stop
    pieces.append((text[place:], True))
    return [(piece, carries) for piece, carries in pieces if piece]


def of_selected(spans: Mapping[str, Spans], selected: Sequence[str]) -> dict[str, Spans]:
    """The spans of the selected traces alone."""
    chosen = set(selected)
    return {trace_id: of_trace for trace_id, of_trace in spans.items() if trace_id in chosen}
