"""What is known of each trace without a model of its quality: how long it is, where it comes from, how it is written."""

import numpy as np

from curation.selection.drivers import Feature
from curation.selection.templates import templates_of
from curation.store.catalogue import Catalogue
from curation.store.columns import Floats, score_by_trace, score_names
from curation.store.facets import SOURCE, facet, pointer
from curation.store.frame import frame_of
from curation.store.near_duplicates import near_duplicates
from curation.store.structure import structure_of

# Metadata keys under which datasets say how hard a problem is.
DIFFICULTY = ("difficulty", "level")


def features_of(catalogue: Catalogue, run_id: str, difficulty: str | None = None) -> list[Feature]:
    """What may drive a score of a run.

    Tokens and steps are the run's own counts; characters stand for tokens where it has none. A trace's copies are
    those that ingest left out; near-duplicates are of the newest search, if there was one.

    Args:
        catalogue: The project.
        run_id: The run.
        difficulty: Metadata key with a number, or a score of the run; the first of `DIFFICULTY` that is there if None.
    """
    structure, names = structure_of(catalogue), score_names(catalogue, run_id)
    lengths = (
        Feature("tokens", score_by_trace(catalogue, run_id, "tokens"))
        if "tokens" in names
        else Feature("characters", structure.response_length)
    )
    found = [lengths]
    if "steps" in names:
        found.append(Feature("steps", score_by_trace(catalogue, run_id, "steps")))
    source = facet(catalogue, SOURCE).codes.astype(np.float64)
    found += [
        Feature("numbers", structure.numbers),
        Feature("prompt length", structure.prompt_length),
        Feature("source", np.where(source < 0, np.nan, source), ordered=False),
        Feature("template", templates_of(catalogue).codes.astype(np.float64), ordered=False),
        Feature("copies", _copies(catalogue)),
    ]
    if (alike := _near(catalogue)) is not None:
        found.append(Feature("near-duplicates", alike))
    if (hard := _difficulty(catalogue, run_id, names, difficulty)) is not None:
        found.append(hard)
    return found


def _copies(catalogue: Catalogue) -> Floats:
    """(T,) rows that were the same trace."""
    table = catalogue.table("SELECT trace_id, count(*)::DOUBLE AS n FROM duplicates GROUP BY trace_id")
    frame = frame_of(catalogue)
    copies = np.zeros(len(frame))
    for trace_id, count in zip(table["trace_id"].to_pylist(), table["n"].to_pylist(), strict=True):
        if (place := frame.index(trace_id)) >= 0:
            copies[place] = count
    return copies


def _near(catalogue: Catalogue) -> Floats | None:
    """(T,) how many traces are in a trace's group of near-duplicates, itself counted; None if nobody searched."""
    found = near_duplicates(catalogue)
    if found is None:
        return None
    sizes = np.ones(len(frame_of(catalogue)))
    sizes[found.indices] = found.sizes[found.groups] if len(found.groups) else 1
    return sizes


def _difficulty(catalogue: Catalogue, run_id: str, names: list[str], asked: str | None) -> Feature | None:
    """How hard the problem is, where anything says so."""
    if asked in names:
        return Feature(str(asked), score_by_trace(catalogue, run_id, str(asked)))
    for key in (asked,) if asked else DIFFICULTY:
        values = _metadata_number(catalogue, key)
        if np.isfinite(values).any():
            return Feature(key, values)
    return None


def _metadata_number(catalogue: Catalogue, key: str) -> Floats:
    """(T,) a number that traces carry, also as in "Level 3"; NaN where there is none."""
    frame = frame_of(catalogue)
    values = np.full(len(frame), np.nan)
    sql = "SELECT try_cast(regexp_extract(metadata ->> $1, '-?[0-9]+(?:[.][0-9]+)?') AS DOUBLE) AS value FROM {}.traces"
    for alias, places in zip(catalogue.batch_aliases, frame.of_batch, strict=True):
        read = catalogue.table(sql.format(alias), [pointer(key)])["value"]
        values[places] = read.to_numpy()
    return values
