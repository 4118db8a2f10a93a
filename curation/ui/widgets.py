"""The app's own components: a list of traces and a trace in steps. They build text nodes, never HTML."""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from curation.store.browse import TraceLine
from curation.store.columns import Column, is_signed
from curation.store.reading import StepValue
from curation.traces.difference import Piece
from curation.ui.format import MARKS, MISSING, number, one_line, place, plural, short_id, whole
from curation.ui.tokens import token_pieces

STATIC = Path(__file__).with_name("static")


@cache
def _component(name: str) -> Any:
    """Register one of the components in `static/`; its script is preceded by what both share."""
    return st.components.v2.component(
        f"curation_{name}",
        html='<div class="root"></div>',
        css=(STATIC / f"{name}.css").read_text(encoding="utf-8"),
        js=(STATIC / "text_nodes.js").read_text(encoding="utf-8")
        + (STATIC / f"{name}.js").read_text(encoding="utf-8"),
    )


def trace_list(
    lines: Sequence[TraceLine],
    columns: Sequence[Column],
    *,
    key: str,
    on_choose: Callable[[str], None],
    first_rank: int = 1,
    chosen: str = "",
    highlights: Sequence[str] = (),
    show_source: bool = False,
    scrolls: bool = False,
    best: str = "",
    text_title: str = "Problem, response",
) -> None:
    """Traces as rows; a click on one, or Enter, calls `on_choose` with its id.

    Args:
        lines: The traces, in order.
        columns: The first is the score that ranks the list, the others are in each line's `scores`.
        key: The widget's key.
        on_choose: Called before the rerun that follows.
        first_rank: Place of the first trace in the list.
        chosen: The trace that the reader shows.
        highlights: Strings that a search found.
        show_source: Add a column with source and length.
        scrolls: The list stands in a container that scrolls, so its header stays.
        best: The trace that gets a star.
        text_title: What the two lines of words are, the prompt's and the response's.
    """

    def chosen_changed() -> None:
        trace_id = st.session_state[key].get("chosen")
        if trace_id:
            on_choose(trace_id)

    data = {
        "traces": [
            {
                "id": line.trace_id,
                "rank": f"{first_rank + i:,}" if line.trace_id != best else f"★ {first_rank + i:,}",
                "verdict": line.verdict if line.verdict in MARKS else "",
                "mark": MARKS.get(line.verdict, ""),
                "scores": [
                    _score(column, line.value if n == 0 else line.scores.get(column.name))
                    for n, column in enumerate(columns)
                ],
                "prompt": one_line(line.prompt) or MISSING,
                "response": one_line(line.response) or MISSING,
                "source": one_line(line.source),
                "tokens": _tokens(line),
            }
            for i, line in enumerate(lines)
        ],
        "chosen": chosen,
        "highlights": [line for one in highlights if (line := one_line(one))],
        "rank_title": "Place",
        "score_titles": [column.name for column in columns],
        "text_title": text_title,
        "show_source": show_source,
        "scrolls": scrolls,
    }
    _component("trace_list")(key=key, data=data, on_chosen_change=chosen_changed)


def _tokens(line: TraceLine) -> str:
    tokens = line.scores.get("tokens")
    return short_id(line.trace_id) if tokens is None else plural(int(tokens), "token")


def _score(column: Column, value: float | None) -> dict[str, Any]:
    share = None
    if value is not None and not column.counts:
        share = max(-1.0, min(1.0, value / column.scale))
    return {
        "label": number(value, signed=column.signed),
        "share": share,
        "signed": column.signed,
        "title": f"{column.name}: {place(column, value)}",
    }


def step_view(
    text: str,
    steps: Sequence[StepValue],
    *,
    name: str,
    key: str,
    start: int = 0,
    highlights: Sequence[str] = (),
    numbered: bool = True,
    tokens: Sequence[StepValue] = (),
    vetoed: Collection[tuple[int, int]] = (),
    trace_id: str = "",
    on_veto: Callable[[str, int, int], None] | None = None,
) -> None:
    """The raw text of a response, step by step, coloured by what a score says of each.

    Args:
        text: The response, or the part of it that begins at `start`.
        steps: Steps of the whole response; values None where nothing was measured.
        name: The score, for the titles.
        key: The widget's key.
        start: Character offset of `text` in the response.
        highlights: Strings that a search found.
        numbered: Whether the steps show their numbers.
        tokens: Of the whole response, in order; they are painted in place of the steps.
        vetoed: Start and stop of each step that leaves the loss.
        trace_id: Whose steps they are; "" if they cannot be vetoed.
        on_veto: Called with trace, start and stop of a step whose number was clicked, before the rerun that follows: those of what
            the browser showed then, which may not be what it is about to show.
    """

    def veto_changed() -> None:
        chosen = st.session_state[key].get("veto")
        if chosen and on_veto:
            on_veto(*chosen)

    values = [abs(step.value) for step in steps if step.value is not None]
    largest = max(values, default=0.0) or 1.0
    signed = is_signed(name)
    largest_token = max((abs(token.value or 0.0) for token in tokens), default=0.0) or 1.0
    shown = []
    for place_, step in enumerate(steps, 1):
        piece = text[max(0, step.start - start) : max(0, step.stop - start)]
        if piece:
            label = number(step.value, signed=signed)
            shown.append(
                {
                    "number": whole(place_) if numbered else "",
                    "text": piece,
                    "span": [step.start, step.stop],
                    "vetoed": (step.start, step.stop) in vetoed,
                    "label": label,
                    "title": f"Step {place_}: {name} {label}{_meaning(step.value, name)}",
                    "share": None if step.value is None else step.value / largest,
                    "tokens": [
                        _token(part, value, name, largest_token)
                        for part, value in token_pieces(text, start, step, tokens)
                    ],
                }
            )
    data = {
        "steps": shown,
        "measured": bool(values),
        "signed": signed,
        "numbered": numbered,
        "highlights": [one for one in highlights if one],
        "trace_id": trace_id,
    }
    _component("step_view")(key=key, data=data, on_veto_change=veto_changed)


def _token(text: str, value: float | None, name: str, largest: float) -> dict[str, Any]:
    """A token for the component; without text it is the end of the sequence."""
    if value is None:
        return {"text": text, "title": "", "share": None}
    label = number(value, signed=is_signed(name))
    where = "" if text else "End of the response: "
    return {"text": text, "title": f"{where}{name} {label}", "share": value / largest}


def _meaning(value: float | None, name: str) -> str:
    """What the sign of a step's value says."""
    if value is None or not name.startswith("influence/"):
        return ""
    group = name.partition("/")[2]
    return f" (learning it {'raises' if value > 0 else 'lowers'} the likelihood of the {group} completions)"


def difference_view(left: Sequence[Piece], right: Sequence[Piece], *, key: str) -> None:
    """Two texts side by side, what differs marked.

    Args:
        left: Pieces of one text, and whether each differs from the other text.
        right: Pieces of the other.
        key: The widget's key.
    """
    _component("difference_view")(key=key, data={"left": list(left), "right": list(right)})
