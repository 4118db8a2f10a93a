"""What a recipe's ranking makes of the flaws that were planted: detection, retention, and the worst steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.demo.flaws import NONE, SYSTEMATIC
from curation.demo.report import auc
from curation.selection.pool import read_pool
from curation.selection.ranking import rank
from curation.selection.recipes import MIDDLE, Recipe
from curation.selection.resolve import resolve
from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of

ALL, AGAINST_RARE = "all", "systematic against rare but right"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Planted:
    """What is known of each trace of the frame.

    Attributes:
        trace_ids: (T,) sorted.
        kinds: (T,) the flaw, "none" for a right trace.
        rare: (T,) whether it is about a rare verb.
        step: (T,) the line with the flaw, counted from 0; -1 where there is none.
    """

    trace_ids: tuple[str, ...]
    kinds: NDArray[np.str_]
    rare: NDArray[np.bool_]
    step: NDArray[np.int64]

    @property
    def flawed(self) -> NDArray[np.bool_]:
        """(T,) whether a trace has a flaw."""
        return self.kinds != NONE


def planted_of(catalogue: Catalogue) -> Planted:
    """Read it from the traces' metadata."""
    rows = catalogue.rows(
        """SELECT trace_id, metadata ->> 'planted', (metadata ->> 'rare') = 'true',
                  coalesce((metadata ->> 'planted_step')::INTEGER, -1) FROM traces ORDER BY trace_id"""
    )
    names, kinds, rare, steps = zip(*rows, strict=True)
    assert names == frame_of(catalogue).names
    return Planted(names, np.array(kinds), np.array(rare), np.array(steps))


def order_of(catalogue: Catalogue, recipe: Recipe) -> NDArray[np.int64]:
    """(T,) the traces in the order in which a recipe lets go of them last: the first is kept to the end."""
    resolved = resolve(catalogue, recipe)
    ranking = rank(resolved, read_pool(catalogue, resolved))
    if resolved.name not in MIDDLE:
        return ranking.order
    middle = (len(ranking.order) - 1) / 2
    return ranking.order[np.argsort(np.abs(np.arange(len(ranking.order)) - middle), kind="stable")]


def oracle_order(planted: Planted, seed: int = 0) -> NDArray[np.int64]:
    """(T,) right traces first, drawn by lot within either kind: what pruning would do if the flaws were known."""
    lots = np.random.default_rng(seed).permutation(len(planted.kinds))
    return np.lexsort((lots, planted.flawed))


def detection(planted: Planted, order: NDArray[np.int64]) -> dict[str, float]:
    """Flaw -> ROC-AUC against traces without any, by place in the order; 1 where all that have it come last."""
    suspicion = np.empty(len(order))
    suspicion[order] = np.arange(len(order))
    found = {ALL: auc(suspicion, planted.flawed, ~planted.flawed)}
    for kind in sorted(set(planted.kinds[planted.flawed].tolist())):
        found[kind] = auc(suspicion, planted.kinds == kind, ~planted.flawed)
    right_and_rare = planted.rare & ~planted.flawed
    found[AGAINST_RARE] = auc(suspicion, planted.kinds == SYSTEMATIC, right_and_rare)
    return {name: value for name, value in found.items() if value is not None}


def retention(
    planted: Planted, order: NDArray[np.int64], pruned: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Share pruned -> what is left: share of the rare but right traces, and flawed traces among those kept."""
    right_and_rare = planted.rare & ~planted.flawed
    left = {}
    for share in pruned:
        kept = order[: round((1 - share) * len(order))]
        left[f"{share:g}"] = {
            "rare kept": float(right_and_rare[kept].sum() / max(1, right_and_rare.sum())),
            "flawed kept": float(planted.flawed[kept].sum()),
            "systematic kept": float((planted.kinds[kept] == SYSTEMATIC).sum()),
        }
    return left


def worst_steps(
    catalogue: Catalogue,
    planted: Planted,
    run_id: str,
    group: str,
    by_position: Mapping[str, int],
    rival_run_id: str,
) -> dict[str, list[int]]:
    """Score -> [flagged traces, those of them whose worst step is the planted one].

    Flagged are traces with a flaw in a step and a negative influence. The worst step is the most negative by influence
    on a loss token or by position, the lowest by grace and by segment-strength (where the conclusion has no value), and
    the most surprising by nll; by chance, any step is as good.

    Args:
        catalogue: The pool's project.
        planted: What is known of its traces.
        run_id: Whose steps.
        group: Of the queries.
        by_position: Trace id -> its worst step by position.
        rival_run_id: The run with grace and segments.
    """
    where = dict(zip(planted.trace_ids, planted.step.tolist(), strict=True))
    rows = catalogue.rows(
        """SELECT s.trace_id, s.name, arg_min(s.step, CASE WHEN s.name = 'nll' THEN -s.value ELSE s.value END), count(*)
           FROM steps s JOIN scores t ON t.run_id = s.run_id AND t.trace_id = s.trace_id AND t.name = $2
           WHERE s.run_id = $1 AND s.name IN ('nll', $2) AND t.value < 0 GROUP BY ALL ORDER BY ALL""",
        [run_id, f"influence/{group}"],
    )
    found: dict[str, list[int]] = {}
    chance, right_by_position = 0.0, 0
    for trace_id, name, worst, steps in rows:
        if where[trace_id] < 0:
            continue
        tally = found.setdefault("nll" if name == "nll" else "influence by loss token", [0, 0])
        tally[0] += 1
        tally[1] += int(worst) == where[trace_id]
        if name == "nll":
            chance += 1 / steps
            right_by_position += by_position[trace_id] == where[trace_id]
    flagged = found.get("nll", [0])[0]
    rivals = catalogue.rows(
        """SELECT s.trace_id, s.name, arg_min(s.step, s.value) FROM steps s
           JOIN scores t ON t.run_id = $1 AND t.trace_id = s.trace_id AND t.name = $3
           WHERE s.run_id = $2 AND s.name IN ('grace', 'segment-strength') AND t.value < 0 GROUP BY ALL ORDER BY ALL""",
        [run_id, rival_run_id, f"influence/{group}"],
    )
    for trace_id, name, lowest in rivals:
        if where[trace_id] >= 0:
            found.setdefault(name, [flagged, 0])[1] += lowest == where[trace_id]
    return found | {"influence by position": [flagged, right_by_position], "chance": [flagged, round(chance)]}
