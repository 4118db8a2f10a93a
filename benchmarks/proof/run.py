"""`make proof`: does curating the demo's pools make a better model? Writes benchmarks/results/proof.json.

    python -m benchmarks.proof.run [--quick] [--other-trainings N] [--peers PYTHON] [--work FOLDER] [--output FILE]

Every training is kept in the working folder, and a stopped run continues where it was. Pools are worked on side by
side, each by one process with one thread.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.figures import RESULTS
from benchmarks.measure import ROOT, hardware, now, versions
from benchmarks.proof.built import build
from benchmarks.proof.costs import passes_of
from benchmarks.proof.lds import MAIN_PROTOCOL, prove_lds
from benchmarks.proof.plan import CHOSEN_ON, DEFAULT, ENSEMBLES, FULL, OF_THREE, QUICK, RANDOM, Plan, PoolPlan
from benchmarks.proof.pool import prove_pool
from benchmarks.proof.shipped import ship
from benchmarks.proof.summary import masked_summary, minus, steps, summary

COMPARED = (RANDOM, "mid-ppl", "rds+", "influence", "influence-combined")


def prove(plan: Plan, work: Path, peers: Path | None) -> dict[str, Any]:
    """Run everything that is not there yet, and put it together."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as executor:
        # All are built before any is used, since the first pool is used twice.
        for one in [executor.submit(build, work, plan, which) for which in (*plan.pools, *plan.plain)]:
            one.result()
        lds = executor.submit(_lds, work, plan, peers)
        of_plain = replace(plan, recipes=plan.plain_recipes)
        plain = [executor.submit(_pool, work, of_plain, which) for which in plan.plain]
        pools = [executor.submit(_pool, work, plan, which) for which in plan.pools]
        found = [one.result() for one in pools]
        return put_together(plan, found, [one.result() for one in plain], *lds.result())


def put_together(
    plan: Plan,
    pools: Sequence[dict[str, Any]],
    plain: Sequence[dict[str, Any]],
    lds: dict[str, Any],
    passes: dict[str, float],
) -> dict[str, Any]:
    """The content of proof.json."""
    scores = summary(pools)
    for name, figures in scores.items():
        score, group = _score_of(name)
        if (of_group := lds[MAIN_PROTOCOL].get(group, {}).get("scores", {})) and score in of_group:
            figures["lds"] = of_group[score][:3]
        figures["passes"] = passes.get(name)
    return {
        "default": DEFAULT,
        "scores": scores,
        "default_minus": minus(pools, DEFAULT, COMPARED),
        "ensembles": {name: minus(pools, name, parts) for name, parts in ENSEMBLES.items()},
        "steps": steps(pools),
        "masked": masked_summary(pools),
        "flagged": sum(pool["steps"].get("nll", [0])[0] for pool in pools),
        "lds": lds,
        "random_flaws_only": {"scores": summary(plain), "default_minus": minus(plain, DEFAULT, COMPARED)},
        "pools": {"reported": [one.name for one in plan.pools], "chosen_on": list(CHOSEN_ON)}
        | {"random_flaws_only": [one.name for one in plan.plain], "groups": [one["groups"] for one in pools]},
        "each": {one["name"]: one["trained"] for one in [*pools, *plain]},
        "settings": {"training": asdict(plan.settings), "mix": asdict(plan.pools[0].mix)}
        | {
            name: getattr(plan, name)
            for name in ("trainings", "other_trainings", "validation", "test", "parts", "part_seeds")
        },
        "versions": versions(),
        "hardware": hardware(1),
        "date": now(),
        "command": "make proof" if plan.pools == FULL.pools else "make proof-quick",
    }


def _score_of(name: str) -> tuple[str, str]:
    """The stored score that a recipe ranks by, and the group of queries that its LDS is about."""
    recipe, _, of = name.partition(":")
    if recipe in ("top", "bottom"):
        return of, of.partition("/")[2] or "gold"
    known = {"mid-ppl": "perplexity", "bottom-ppl": "perplexity", "rds+": f"rds/{of or 'gold'}"}
    return known.get(recipe, f"{recipe}/{of or 'gold'}"), of or "gold"


def _pool(work: Path, plan: Plan, which: PoolPlan) -> dict[str, Any]:
    found = prove_pool(work, plan, which)
    print(f"pool {which.name} is done", file=sys.stderr)
    return found


def _lds(work: Path, plan: Plan, peers: Path | None) -> tuple[dict[str, Any], dict[str, float]]:
    built = build(work, plan, plan.pools[0])
    found = prove_lds(built, plan, peers, work / "kronfluence")
    print("LDS is done", file=sys.stderr)
    passes = passes_of(built.project, built.model, (*plan.recipes, RANDOM), plan.settings.epochs)
    return found, passes | {of_three: 3 * passes[name] for name, of_three in OF_THREE.items()}


def main() -> None:
    """Run it and write the results."""
    parser = argparse.ArgumentParser(description="does curating make a better model?")
    parser.add_argument("--quick", action="store_true", help="everything, tiny, into the working folder")
    parser.add_argument(
        "--other-trainings", type=int, help="of what the claims are not about; as many as of the rest"
    )
    parser.add_argument("--peers", type=Path, help="Python of the environment with kronfluence")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "proof")
    parser.add_argument(
        "--output", type=Path, help="file to write; benchmarks/results/proof.json if not given"
    )
    args = parser.parse_args()
    plan, work = (QUICK, args.work / "quick") if args.quick else (FULL, args.work)
    plan = replace(plan, other_trainings=args.other_trainings or plan.other_trainings)
    work.mkdir(parents=True, exist_ok=True)
    output = args.output or (work if args.quick else RESULTS) / "proof.json"
    found = prove(plan, work, args.peers.absolute() if args.peers else None)
    output.write_text(json.dumps(found, indent=1) + "\n")
    if not args.quick:
        ship(found)
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
