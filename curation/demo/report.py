"""How many of a pool's planted flaws a ranking finds, beside what chance would."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.demo.flaws import NONE, SYSTEMATIC
from curation.store.catalogue import Catalogue

DEFAULT_SCORES = ("influence/gold", "perplexity", "rds/gold")
# Families in which a high value is suspicious; in all others a low one is.
HIGH_IS_SUSPICIOUS = {"perplexity", "nll", "rsr", "gradient-norm", "tokens", "steps"}

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Detection:
    """How a ranking did on one kind of flaw.

    Attributes:
        kind: The kind, as the traces' metadata calls it; "" for all kinds together.
        planted: Traces with that flaw.
        found: Those among the `Ranking.depth` most suspicious traces.
        by_chance: How many a random ranking finds there on average.
        auc: Probability that a trace with the flaw is ranked more suspicious than one without any, ties
            counted half; 0.5 is chance, None where one of the two is missing.
    """

    kind: str
    planted: int
    found: int
    by_chance: float
    auc: float | None


@dataclass(frozen=True)
class Ranking:
    """How well one score finds what was planted.

    Attributes:
        score: Its name.
        suspicious: Which end was looked at: "lowest" or "highest".
        depth: How many traces from that end: as many as were planted.
        overall: All kinds together.
        kinds: Each kind, by name.
        rare_auc: Probability that a trace with the systematic flaw is ranked more suspicious than a right
            trace of the same rare kind; None where there are none.
    """

    score: str
    suspicious: str
    depth: int
    overall: Detection
    kinds: tuple[Detection, ...]
    rare_auc: float | None


@dataclass(frozen=True)
class PlantedReport:
    """What was planted in a project, and what each ranking finds of it.

    Attributes:
        run_id: The run whose scores were ranked.
        traces: Traces whose metadata says what was planted.
        planted: Those with a flaw.
        copies: Rows that repeat a trace exactly. Reading finds these by their hash; no score sees them.
        rankings: One for each score asked for that the run has.
    """

    run_id: str
    traces: int
    planted: int
    copies: int
    rankings: tuple[Ranking, ...]


@dataclass(frozen=True)
class _Planted:
    """Traces with known flaws, by trace_id: kind of flaw, and whether it is of the rare sort."""

    ids: tuple[str, ...]
    kinds: NDArray[np.str_]
    rare: Flags


def planted_report(
    catalogue: Catalogue, run_id: str | None = None, scores: Sequence[str] = DEFAULT_SCORES
) -> PlantedReport | None:
    """Count the planted flaws that each score finds.

    Traces without a value of the score rank as not suspicious at all.

    Args:
        catalogue: The project.
        run_id: The newest run if None.
        scores: Score names; those that the run does not have are left out.

    Returns:
        None if the traces' metadata has no `planted`, or nothing was scored yet.
    """
    planted = _read_planted(catalogue)
    run_id = run_id or _newest_run(catalogue)
    if not planted.ids or run_id is None:
        return None
    rankings = []
    for score in scores:
        suspicion = _suspicion(catalogue, run_id, score, planted)
        if suspicion is not None:
            rankings.append(_ranking(score, suspicion, planted))
    return PlantedReport(
        run_id=run_id,
        traces=len(planted.ids),
        planted=int((planted.kinds != NONE).sum()),
        copies=int(catalogue.rows("SELECT count(*) FROM duplicates")[0][0]),
        rankings=tuple(rankings),
    )


def _read_planted(catalogue: Catalogue) -> _Planted:
    found = catalogue.rows(
        """SELECT trace_id, metadata ->> 'planted', coalesce(metadata ->> 'rare', 'false') = 'true'
           FROM traces WHERE metadata ->> 'planted' IS NOT NULL ORDER BY trace_id"""
    )
    ids, kinds, rare = zip(*found, strict=True) if found else ((), (), ())
    return _Planted(ids, np.array(kinds, dtype=str), np.array(rare, dtype=bool))


def _newest_run(catalogue: Catalogue) -> str | None:
    found = catalogue.rows("SELECT run_id FROM run ORDER BY finished DESC, run_id DESC LIMIT 1")
    return str(found[0][0]) if found else None


def _suspicion(catalogue: Catalogue, run_id: str, score: str, planted: _Planted) -> Values | None:
    """The score of each trace, signed so that high is suspicious; None if the run does not have it."""
    found = catalogue.rows(
        "SELECT trace_id, value FROM scores WHERE run_id = $1 AND name = $2 AND value IS NOT NULL",
        [run_id, score],
    )
    if not found:
        return None
    sign = 1.0 if _suspicious_end(score) == "highest" else -1.0
    values = {trace_id: sign * value for trace_id, value in found}
    return np.array([values.get(trace_id, -np.inf) for trace_id in planted.ids])


def _suspicious_end(score: str) -> str:
    return "highest" if score.partition("/")[0] in HIGH_IS_SUSPICIOUS else "lowest"


def _ranking(score: str, suspicion: Values, planted: _Planted) -> Ranking:
    flawed = planted.kinds != NONE
    depth = int(flawed.sum())
    looked_at = np.zeros(len(suspicion), dtype=bool)
    # The ids are sorted and the sort is stable, so ties go by trace_id.
    looked_at[np.argsort(-suspicion, kind="stable")[:depth]] = True

    def detection(kind: str, members: Flags) -> Detection:
        planted_here = int(members.sum())
        return Detection(
            kind=kind,
            planted=planted_here,
            found=int((members & looked_at).sum()),
            by_chance=planted_here * depth / len(suspicion),
            auc=auc(suspicion, members, ~flawed),
        )

    kinds = sorted(Counter(planted.kinds[flawed].tolist()))
    return Ranking(
        score=score,
        suspicious=_suspicious_end(score),
        depth=depth,
        overall=detection("", flawed),
        kinds=tuple(detection(kind, planted.kinds == kind) for kind in kinds),
        rare_auc=auc(suspicion, planted.kinds == SYSTEMATIC, planted.rare & ~flawed),
    )


def auc(suspicion: Values, flawed: Flags, right: Flags) -> float | None:
    """Probability that a flawed trace is more suspicious than a right one, ties counted half; None without either."""
    from sklearn.metrics import roc_auc_score  # A second that only the demo needs.

    if not flawed.any() or not right.any():
        return None
    both = flawed | right
    return float(roc_auc_score(flawed[both], np.nan_to_num(suspicion[both], neginf=-1e300)))
