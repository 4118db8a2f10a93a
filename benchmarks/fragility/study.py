"""One setting against the default: what its influence predicts and finds, and how far its ranking is the default's."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.fragility.measures import Flags, Floats, agreement, auc_draws, interval, lds_draws
from benchmarks.fragility.models import GROUP, Studied
from benchmarks.fragility.plan import DEFAULT, Setting
from benchmarks.proof.detection import Planted, planted_of
from curation.demo.flaws import SYSTEMATIC
from curation.demo.report import auc
from curation.models.load import load_model
from curation.scoring.consensus import consensus
from curation.store.catalogue import open_catalogue
from curation.store.frame import frame_of
from curation.store.query_values import query_values
from curation.validation.bank import Bank
from curation.validation.lds import lds

Found = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Influence:
    """What R runs say.

    Attributes:
        query_ids: (Q,) ascending.
        values: (R, Q, T) influence of each trace on each query, by each run's model.
        stability: One a run: Spearman correlation between the two halves of the factors' sample; None if not known.
    """

    query_ids: tuple[str, ...]
    values: Floats
    stability: tuple[float | None, ...]

    @property
    def mean(self) -> Floats:
        """(R, T) on the mean query."""
        return self.values.mean(1)

    @property
    def consensus(self) -> Floats:
        """(R, T) the recommended recipe's score."""
        return np.stack([consensus(one) for one in self.values])


def influence_of(studied: Studied, run_ids: list[str]) -> Influence:
    """Read it from the project."""
    catalogue = open_catalogue(studied.project)
    try:
        names = frame_of(catalogue).names
        found = [query_values(catalogue, run_id, GROUP, names) for run_id in run_ids]
        said = dict(catalogue.rows("SELECT run_id, stability FROM run"))
    finally:
        catalogue.close()
    assert all(one.trace_ids == names for one in found)
    stability = tuple(json.loads(said[run_id]).get(GROUP) for run_id in run_ids)
    return Influence(found[0].query_ids, np.stack([one.values for one in found]), stability)


def planted(studied: Studied) -> Planted:
    """The flaws of the pool's traces."""
    catalogue = open_catalogue(studied.project)
    try:
        return planted_of(catalogue)
    finally:
        catalogue.close()


def by_setting(studied: Studied) -> Iterator[Found]:
    """The figures of each setting, the default first, as soon as they are there."""
    plan, flaws = studied.plan, planted(studied)
    base: tuple[Influence, dict[str, Floats]] | None = None
    for setting in plan.settings:
        runs = [studied.run(setting, seed) for seed in range(plan.references)]
        own = influence_of(studied, runs)
        # One seed for all: what several agree on has less noise, and would flatter the default.
        bank = studied.bank(setting, plan.parts, 1)
        draws = _draws(own, bank, flaws)
        base = base or (own, draws)
        yield {
            **asdict(setting),
            **_models(studied, setting),
            **_figures(own, draws, bank, flaws, *base),
            "between_references": {
                "influence": agreement(own.mean),
                "consensus": agreement(own.consensus),
            },
        }


def by_engine(studied: Studied) -> Iterator[Found]:
    """The figures of each setting of the engine, on the default's models, against more trainings of the default."""
    plan, flaws = studied.plan, planted(studied)
    bank = studied.bank(DEFAULT, plan.more, 2)
    base: tuple[Influence, dict[str, Floats]] | None = None
    for name, engine in plan.engine.items():
        runs = [studied.run(DEFAULT, seed, engine) for seed in range(plan.engine_references)]
        own = influence_of(studied, runs)
        draws = _draws(own, bank, flaws)
        base = base or (own, draws)
        yield {"name": name, "engine": dict(engine), **_figures(own, draws, bank, flaws, *base)}


def _models(studied: Studied, setting: Setting) -> Found:
    """Parameters, and accuracy of the base model and of the references."""
    base = studied.base(setting.layers)
    module = load_model(str(base), device="cpu").module
    references = [studied.reference(setting, seed) for seed in range(studied.plan.references)]
    return {
        "parameters": sum(one.numel() for one in module.parameters()),
        "accuracy_of_base": studied.accuracy(base),
        "accuracy": [studied.accuracy(one) for one in references],
    }


def _draws(own: Influence, bank: Bank, flaws: Planted) -> dict[str, Floats]:
    """Each measure as measured, and drawn anew."""
    assert own.query_ids == bank.query_ids
    right = ~flaws.flawed
    found = {"lds": lds_draws(own.mean, bank.inside, bank.log_likelihood.mean((1, 2)))}
    for name, scores in (("influence", own.mean), ("consensus", own.consensus)):
        found[f"auc, {name}"] = auc_draws(scores, flaws.flawed, right)
        found[f"auc against rare, {name}"] = auc_draws(scores, flaws.kinds == SYSTEMATIC, _rare(flaws))
    return found


def _rare(flaws: Planted) -> Flags:
    return flaws.rare & ~flaws.flawed


def _figures(
    own: Influence,
    draws: Mapping[str, Floats],
    bank: Bank,
    flaws: Planted,
    base: Influence,
    base_draws: Mapping[str, Floats],
) -> Found:
    """Values with intervals, paired differences from the default, agreement of rankings, and spread over references."""
    measured = bank.log_likelihood.mean(1)
    each = [lds(one, bank.inside, measured) for one in own.values]
    together = lds(own.values.mean(0), bank.inside, measured)
    return {
        "parts": len(bank.inside),
        "values": {name: interval(one) for name, one in draws.items()},
        "minus_default": {name: interval(one - base_draws[name]) for name, one in draws.items()},
        "consensus_minus_influence": {
            name: interval(draws[f"{name}, consensus"] - draws[f"{name}, influence"])
            for name in ("auc", "auc against rare")
        },
        "lds_by_reference": [round(one.mean_query, 4) for one in each],
        "lds_single": round(float(np.mean([one.single for one in each])), 4),
        "lds_together": [round(one, 4) for one in (together.mean_query, together.low, together.high)],
        "auc_by_reference": [auc(-one, flaws.flawed, ~flaws.flawed) for one in own.mean],
        "stability": list(own.stability),
        "with_default": {
            "influence": agreement(own.mean, base.mean),
            "consensus": agreement(own.consensus, base.consensus),
        },
    }
