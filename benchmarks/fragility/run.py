"""`make fragility`: influence under changed weight decay, depth, query and engine. Writes benchmarks/results/fragility.json.

    python -m benchmarks.fragility.run [--quick] [--work FOLDER] [--output FILE] [--parts N] [--more N]

All models and runs are kept in the working folder, so a stopped run continues where it was.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.figures import RESULTS
from benchmarks.fragility.models import open_study
from benchmarks.fragility.plan import FULL, QUICK, Plan
from benchmarks.fragility.queries import by_query
from benchmarks.fragility.study import by_engine, by_setting
from benchmarks.measure import ROOT, hardware, now, versions
from curation.demo.one_thread import one_thread

Found = dict[str, Any]


def study(plan: Plan, work: Path) -> Iterator[Found]:
    """Everything that is known after each step; the last is whole.

    Args:
        plan: What to study.
        work: Folder for all that is kept.
    """
    work.mkdir(parents=True, exist_ok=True)
    found: Found = {"settings": [], "engine": [], "queries": None, **_about(plan)}
    with one_thread():
        studied = open_study(plan, work)
        for name, steps in (("settings", by_setting), ("engine", by_engine)):
            for one in steps(studied):
                found = {**found, name: [*found[name], one]}
                print(f"{name}: {one['name']} is done", file=sys.stderr, flush=True)
                yield found
        yield {**found, "queries": by_query(studied), "date": now()}


def _about(plan: Plan) -> Found:
    names = ("pool", "validation", "test", "base_steps", "references", "engine_references", "parts", "more")
    return {
        "plan": {
            **{name: getattr(plan, name) for name in names},
            "mix": asdict(plan.mix),
            "training": asdict(plan.training),
        },
        "versions": versions(),
        "hardware": hardware(1),
        "date": now(),
        "command": f"python -m benchmarks.fragility.run --parts {plan.parts} --more {plan.more}",
    }


def main() -> None:
    """Run it and write the results."""
    parser = argparse.ArgumentParser(description="how far influence hangs on settings")
    parser.add_argument("--quick", action="store_true", help="everything, tiny, into the working folder")
    parser.add_argument("--parts", type=int, default=FULL.parts, help="halves that each setting trains on")
    parser.add_argument("--more", type=int, default=FULL.more, help="halves that the default trains on")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "fragility")
    parser.add_argument("--output", type=Path, help="file to write")
    args = parser.parse_args()
    full = replace(FULL, parts=args.parts, more=args.more)
    plan, work = (QUICK, args.work / "quick") if args.quick else (full, args.work)
    output = args.output or (work if args.quick else RESULTS) / "fragility.json"
    for found in study(plan, work):
        output.write_text(json.dumps(found, indent=1) + "\n")
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
