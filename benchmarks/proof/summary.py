"""From the figures of single pools to means over pools, with intervals: what proof.json holds."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.proof.masked import OWN
from benchmarks.proof.plan import EVERYTHING, ORACLE, RANDOM
from curation.validation.compare import paired

Found = Mapping[str, Any]
Interval = list[float | None]
MEASURES = {"accuracy": 0, "log_likelihood": 1}


def summary(pools: Sequence[Found]) -> dict[str, Any]:
    """Recipe -> its figures, from pools of one kind.

    Args:
        pools: What `pool.prove_pool` found, one a pool.
    """
    names = [name for name in pools[0]["trained"] if all(name in pool["trained"] for pool in pools)]
    return {name: _recipe(name, pools) for name in names} | {
        EVERYTHING: {"accuracy": {"0": _interval([_mean(pool[EVERYTHING], 0) for pool in pools])}}
    }


def _recipe(name: str, pools: Sequence[Found]) -> dict[str, Any]:
    shares = list(pools[0]["trained"][name])
    figures: dict[str, Any] = {
        "auc": _means([pool["detection"][name] for pool in pools]),
        "kept": {share: _means([pool["retention"][name][share] for pool in pools]) for share in shares},
    }
    for measure, place in MEASURES.items():
        own = {share: _values(name, share, place, pools) for share in shares}
        figures[measure] = {share: _interval(own[share]) for share in shares}
        if name == RANDOM:
            continue
        by_lot = {share: _values(RANDOM, share, place, pools) for share in shares}
        best = {share: _values(ORACLE, share, place, pools) for share in shares}
        key = "" if measure == "accuracy" else f"_{measure}"
        figures[f"minus_random{key}"] = {share: _interval(own[share], by_lot[share]) for share in shares}
        figures[f"oracle_share{key}"] = {
            share: (fmean(own[share]) - fmean(by_lot[share])) / (fmean(best[share]) - fmean(by_lot[share]))
            for share in shares
            if fmean(best[share]) != fmean(by_lot[share])
        }
    return figures


def minus(pools: Sequence[Found], name: str, others: Sequence[str]) -> dict[str, dict[str, Interval]]:
    """Other recipe -> share pruned -> [mean, low, high] of a recipe's accuracy minus its, paired by pool."""
    shares = list(pools[0]["trained"][name])
    return {
        other: {
            share: _interval(_values(name, share, 0, pools), _values(other, share, 0, pools))
            for share in shares
        }
        for other in others
        if all(other in pool["trained"] for pool in pools)
    }


def steps(pools: Sequence[Found]) -> dict[str, float]:
    """Score -> share of the flagged traces whose worst step is the planted one, over all pools."""
    names = pools[0]["steps"]
    tallies = {name: [sum(pool["steps"][name][i] for pool in pools) for i in (0, 1)] for name in names}
    return {name: right / flagged for name, (flagged, right) in tallies.items() if flagged}


def masked_summary(pools: Sequence[Found]) -> dict[str, dict[str, Any]]:
    """What was masked or dropped -> share of the tokens -> tokens, accuracy, and what it gains on training on everything."""
    found: dict[str, dict[str, Any]] = {}
    untouched = [_mean(pool["masked"][EVERYTHING][OWN]["trained"], 0) for pool in pools]
    for name, shares in pools[0]["masked"].items():
        for share in shares:
            arms = [pool["masked"][name][share] for pool in pools]
            accuracy = [_mean(arm["trained"], 0) for arm in arms]
            found.setdefault(name, {})[share] = {
                "tokens": fmean(arm["tokens"] for arm in arms),
                "accuracy": _interval(accuracy),
                "minus_everything": _interval(accuracy, untouched),
            }
    return found


def _values(name: str, share: str, place: int, pools: Sequence[Found]) -> list[float]:
    """One value a pool: the mean over trainings."""
    return [_mean(pool["trained"][name][share], place) for pool in pools]


def _mean(trained: Sequence[Sequence[float]], place: int) -> float:
    return fmean(one[place] for one in trained)


def _interval(values: Sequence[float], others: Sequence[float] | None = None) -> Interval:
    """[mean, low, high] of values, or of paired differences: a 95% t-interval over pools."""
    found = paired(values, others if others is not None else [0.0] * len(values))
    return [found.mean, found.low, found.high]


def _means(of_pools: Sequence[Mapping[str, float]]) -> dict[str, float]:
    shared = [name for name in of_pools[0] if all(name in one for one in of_pools)]
    return {name: fmean(one[name] for one in of_pools) for name in shared}
