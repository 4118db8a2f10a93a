"""One pool, from nothing to figures: the demo's own project, then a training on what each recipe keeps of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.proof.built import Built, build
from benchmarks.proof.detection import (
    Planted,
    detection,
    oracle_order,
    order_of,
    planted_of,
    retention,
    worst_steps,
)
from benchmarks.proof.masked import masked, text_of
from benchmarks.proof.plan import DEFAULT, EVERYTHING, MAIN, OF_THREE, ORACLE, RANDOM, Plan, PoolPlan
from benchmarks.proof.position import worst_by_position
from benchmarks.proof.variants import Ints, variant_orders
from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.errors import SelectionError
from curation.models.load import fingerprint
from curation.scoring.progress import Reporter
from curation.selection.recipes import Recipe
from curation.selection.resolve import resolve
from curation.store.catalogue import Catalogue, open_catalogue
from curation.validation.answers import Asking
from curation.validation.arms import Arm, make_arm
from curation.validation.trials import Training, read_trial, run_trial, trial_path

Found = dict[str, Any]


def prove_pool(folder: Path, plan: Plan, which: PoolPlan) -> Found:
    """Everything about one pool: what each ranking finds, and what training on what it keeps comes to."""
    built = build(folder, plan, which)
    (built.project.root / "validation").mkdir(exist_ok=True)
    catalogue = open_catalogue(built.project)
    try:
        planted = planted_of(catalogue)
        orders = _orders(catalogue, built, plan, planted)
        trained: Found = {name: {} for name in orders}
        for share in plan.pruned:
            for arm, seed in _arms(catalogue, built, plan, share, planted, orders):
                trained[arm.name].setdefault(f"{share:g}", []).append(
                    _trained(catalogue, built, plan, arm, seed)
                )
        return {
            "name": which.name,
            "detection": {name: detection(planted, order) for name, order in orders.items()},
            "retention": {name: retention(planted, order, plan.pruned) for name, order in orders.items()},
            "trained": trained,
            EVERYTHING: [
                _trained(catalogue, built, plan, _given(EVERYTHING, planted.trace_ids, 1.0), seed)
                for seed in range(plan.trainings)
            ],
            "steps": worst_steps(
                catalogue,
                planted,
                built.run_id,
                "gold",
                worst_by_position(catalogue, str(built.model), "gold"),
                built.wider_run_id,
            ),
            "masked": _masked(catalogue, built, plan, planted, orders) if which.mix.systematic else {},
            "groups": dict(catalogue.rows('SELECT "group", count(*) FROM queries GROUP BY 1 ORDER BY 1')),
        }
    finally:
        catalogue.close()


def _orders(catalogue: Catalogue, built: Built, plan: Plan, planted: Planted) -> dict[str, Ints]:
    found = {RANDOM: order_of(catalogue, Recipe(RANDOM)), ORACLE: oracle_order(planted)}
    for name in plan.recipes:
        try:
            found[name] = order_of(catalogue, _recipe(catalogue, name, built))
        except SelectionError:  # A group that is empty on this pool, or too small.
            continue
    for name, of_three in OF_THREE.items():
        found[of_three] = order_of(catalogue, Recipe(name, group="gold", run_id=built.ensemble_run_id))
    return found | variant_orders(catalogue, built.run_id, built.base_run_id, "gold")


def _recipe(catalogue: Catalogue, name: str, built: Built, **more: Any) -> Recipe:
    """A recipe, reading the demo's own run, or else the first of the others that has what it reads."""
    own = Recipe(name, run_id=built.run_id, **more)
    for run_id in (built.run_id, built.wider_run_id, built.trajectory_run_id):
        found = replace(own, run_id=run_id)
        try:
            resolve(catalogue, found)
        except SelectionError:
            continue
        return found
    return own


def _masked(
    catalogue: Catalogue, built: Built, plan: Plan, planted: Planted, orders: Mapping[str, Ints]
) -> Found:
    """Masking the worst steps against dropping the worst traces."""
    runs = {
        "influence": (built.run_id, "influence/gold"),
        "grace": (built.wider_run_id, "grace"),
        "segments": (built.wider_run_id, "segment-strength"),
    }
    return masked(
        catalogue,
        planted,
        text_of(catalogue, planted, built.model),
        runs,
        orders[DEFAULT],
        plan.masked,
        plan.other_trainings,
        lambda arm, seed: _trained(catalogue, built, plan, arm, seed),
    )


def _arms(
    catalogue: Catalogue, built: Built, plan: Plan, share: float, planted: Planted, orders: Mapping[str, Ints]
) -> list[tuple[Arm, int]]:
    """What is trained on at one share, with its seed; random and the oracle are drawn anew with each seed."""
    keep = 1 - share
    arms: list[tuple[Arm, int]] = []
    for seed in range(plan.trainings):
        arms.append((make_arm(catalogue, RANDOM, Recipe(RANDOM, keep=keep, seed=seed)), seed))
        kept = oracle_order(planted, seed)[: round(keep * len(planted.trace_ids))]
        arms.append((_given(ORACLE, [planted.trace_ids[place] for place in kept], keep), seed))
        for name, order in orders.items():
            if name in (RANDOM, ORACLE) or (name not in MAIN and seed >= plan.other_trainings):
                continue
            if name in plan.recipes:
                arms.append((make_arm(catalogue, name, _recipe(catalogue, name, built, keep=keep)), seed))
            else:
                kept = order[: round(keep * len(planted.trace_ids))]
                arms.append((_given(name, [planted.trace_ids[place] for place in kept], keep), seed))
    return arms


def _given(name: str, trace_ids: Iterable[str], keep: float) -> Arm:
    return Arm(name, None, tuple(sorted(trace_ids)), keep)


def _trained(catalogue: Catalogue, built: Built, plan: Plan, arm: Arm, seed: int) -> list[float]:
    """[accuracy, log-likelihood a token] after training on an arm, as many steps as on the whole pool."""
    traces = int(catalogue.rows("SELECT count(*) FROM traces")[0][0])
    steps = round(plan.settings.epochs * -(-traces // plan.settings.batch_size))
    training = Training(
        str(BASE), fingerprint(BASE), plan.settings, lora=False, steps=steps, asking=Asking(96), device="cpu"
    )
    trial = read_trial(trial_path(built.project, arm, seed, training, built.test), arm)
    if trial is None:
        report = Reporter(built.project.root / "validation" / "progress.json")
        with one_thread():
            trial = run_trial(
                catalogue, arm, seed, training, built.test, report=report, stage=f"{arm.name}, seed {seed}"
            )
    assert trial.accuracy is not None
    return [trial.accuracy, trial.log_likelihood]
