"""Lines of a list: the first words of a few traces, read from where they lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of
from curation.store.verdicts import VERDICTS, verdicts_of

Floats = NDArray[np.float64]
SNIPPET = 160


@dataclass(frozen=True)
class TraceLine:
    """A trace in a list: its score there, its verdict, and the first words of its texts."""

    trace_id: str
    value: float | None
    scores: dict[str, float | None]
    prompt: str
    response: str
    answer: str
    source: str
    verdict: str


def lines(
    catalogue: Catalogue,
    ranked: Sequence[tuple[str, float | None]],
    scores: Mapping[str, Floats] | None = None,
) -> list[TraceLine]:
    """Put texts, verdicts and further scores to a short list of (trace_id, value), keeping its order.

    Args:
        catalogue: The project.
        ranked: What is listed; what the project does not hold is left out.
        scores: Further scores by name, (T,) each, aligned with the frame.
    """
    frame = frame_of(catalogue)
    found = [(trace_id, value, frame.index(trace_id)) for trace_id, value in ranked]
    found = [one for one in found if one[2] >= 0]
    texts = _first_words(catalogue, [index for _, _, index in found])
    codes = verdicts_of(catalogue).codes
    return [
        TraceLine(
            trace_id,
            value,
            {name: _known(values[index]) for name, values in (scores or {}).items()},
            *texts[index],
            VERDICTS[codes[index]],
        )
        for trace_id, value, index in found
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _first_words(catalogue: Catalogue, indices: Sequence[int]) -> dict[int, tuple[str, str, str, str]]:
    """Prompt, response, answer and source of traces by their index.

    By a join on rows, which fetches just them; a filter of many rows reads all texts between the first and the last.
    """
    frame = frame_of(catalogue)
    texts: dict[int, tuple[str, str, str, str]] = {}
    batch, row = frame.batch[indices], frame.row[indices]
    for number in np.unique(batch).tolist():
        rows = row[batch == number].tolist()
        sql = f"""SELECT wanted, left(prompt, {SNIPPET}), left(response, {SNIPPET}), left(answer, {SNIPPET}), source
                  FROM {catalogue.batch_aliases[number]}.traces t
                  JOIN (SELECT unnest($1::BIGINT[]) AS wanted) ON t.rowid = wanted"""
        for rowid, *words in catalogue.rows(sql, [rows]):
            texts[int(frame.of_batch[number][rowid])] = (words[0], words[1], words[2], words[3])
    return texts
