"""The engine's benchmark: ours, kronfluence and bergson on the same model, traces and queries.

    python -m benchmarks.engine --model DIR --data DIR --peers PYTHON [--quick] [--only defaults,pass]

Each part writes `benchmarks/results/engine-PART.json` as soon as it is done, so parts can be run one at a time;
`python -m benchmarks.tables` makes docs/benchmarks.md of them.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.bench import QUICK, Bench, Sizes
from benchmarks.compare import against_itself, defaults, matched, over_bare
from benchmarks.figures import RESULTS, TABLES
from benchmarks.measure import ROOT
from benchmarks.peer import ENGINES
from benchmarks.scaling import scaling

PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "defaults": defaults,
    "pass": over_bare,
    "agreement": against_itself,
    "matched": matched,
    "scaling": scaling,
}
# What the quick version leaves out, unless it is asked for by name.
LONG = ("matched", "scaling")


def read_arguments() -> tuple[Bench, list[str]]:
    """The call, and the names of its parts."""
    parser = argparse.ArgumentParser(
        description="Ours, kronfluence and bergson on the same input", allow_abbrev=False
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, required=True, help="folder of GSM8K")
    parser.add_argument("--peers", type=Path, help="python of the environment with the other engines")
    parser.add_argument("--engines", default=",".join(ENGINES), help="which of the others run")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--note", default="", help="what a reader of the figures should know, kept with them")
    parser.add_argument("--quick", action="store_true", help="32 traces")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of every engine")
    parser.add_argument("--traces", type=int, help="another number of traces for the comparisons")
    parser.add_argument("--queries", type=int, help="another number of queries a group")
    parser.add_argument(
        "--tiny", action="store_true", help="sizes at which figures mean nothing, for a trial"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the figures")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "bench-engine", help="folder to work in"
    )
    args = parser.parse_args()
    parts = args.only.split(",") if args.only else [one for one in PARTS if not (args.quick and one in LONG)]
    if unknown := sorted(set(parts) - set(PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    if args.tiny and args.out == RESULTS:
        parser.error("--tiny needs --out, so that its figures are not taken for results")
    sizes = QUICK if args.quick else Sizes()
    if args.tiny:
        sizes = Sizes(6, 2, (4, 6, 8), 4, (1, 2, 3), 4, 2)
    sizes = replace(sizes, traces=args.traces or sizes.traces, queries=args.queries or sizes.queries)
    # Not resolved: an environment's python is a link, and would be the first environment's.
    peers = args.peers.absolute() if args.peers else None
    bench = Bench(
        args.model.resolve(),
        args.data.resolve(),
        args.work.resolve(),
        args.out.resolve(),
        peers,
        tuple(name for name in ENGINES if name in args.engines.split(",")),
        args.threads,
        sizes,
        args.quick,
        args.note,
    )
    return bench, parts


def main() -> None:
    """Run the parts, write and print their figures."""
    bench, parts = read_arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    for part in parts:
        console.print(f"[bold]{part}[/bold] ...")
        found = bench.write(part, PARTS[part](bench))
        for table in TABLES[part](found):
            table.show(console)


if __name__ == "__main__":
    main()
