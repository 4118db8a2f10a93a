"""What the texts of all traces look like, in one pass over them: marks, numbers, lengths."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.store.catalogue import Catalogue
from curation.store.frame import Ints, frame_of
from curation.traces.skeleton import PATTERN, SEPARATOR

_NUMBER = r"\d+(?:[.,]\d+)*"


@dataclass(frozen=True, eq=False)
class Structure:
    """The looks of T traces, aligned with the frame.

    Attributes:
        marks: Every different series of marks (see `traces.skeleton`), with numbers as 0.
        codes: (T,) place in `marks` of each trace.
        numbers: (T,) how many numbers the response holds.
        prompt_length: (T,) characters of the prompt.
        response_length: (T,) characters of the response.
    """

    marks: tuple[str, ...]
    codes: Ints
    numbers: NDArray[np.float64]
    prompt_length: NDArray[np.float64]
    response_length: NDArray[np.float64]


def structure_of(catalogue: Catalogue) -> Structure:
    """Read the looks of all traces, once."""
    return catalogue.once("structure", lambda: _read(catalogue))


def _read(catalogue: Catalogue) -> Structure:
    frame = frame_of(catalogue)
    joined = f"array_to_string(regexp_extract_all(response, $1), '{SEPARATOR}')"
    # A number that is as long as its digits are many would make every series of marks another one.
    sql = f"""SELECT regexp_replace({joined}, '[0-9]+', '0', 'g') AS marks,
              len(regexp_extract_all(response, $2)) AS numbers, length(prompt) AS prompt, length(response) AS response
              FROM {{}}.traces"""
    parts = [catalogue.table(sql.format(alias), [PATTERN, _NUMBER]) for alias in catalogue.batch_aliases]
    codes = np.zeros(len(frame), dtype=np.int64)
    columns = np.zeros((3, len(frame)))
    if not parts or not len(frame):
        return Structure((), codes, *columns)
    table = pa.concat_tables(parts)
    places = np.concatenate(frame.of_batch)
    found = table["marks"].combine_chunks().dictionary_encode()
    codes[places] = found.indices.to_numpy(zero_copy_only=False)
    for column, name in zip(columns, ("numbers", "prompt", "response"), strict=True):
        column[places] = table[name].to_numpy()
    return Structure(tuple(found.dictionary.to_pylist()), codes, *columns)
