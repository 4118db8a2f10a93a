"""The app at a million traces: makes them, drives the pages' functions and the running app, writes the figures.

python -m benchmarks.app.run [--traces 1000000] [--work DIR] [--out DIR]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.app.browser import measure
from benchmarks.app.pool import make_project
from benchmarks.app.report import app_tables
from benchmarks.figures import RESULTS
from benchmarks.measure import ROOT, hardware, now, versions


def main() -> None:
    """Do it all."""
    parser = argparse.ArgumentParser(description="The app's speed and memory on a made-up project")
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench-app")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the figures")
    parser.add_argument("--note", default="", help="what a reader of the figures should know, kept with them")
    args = parser.parse_args()
    root = args.work / f"{args.traces}"
    root.parent.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"Making {args.traces:,} traces; a finished project is used again")
    project, seconds = make_project(root, args.traces)
    console.print("The pages' functions")
    command = [sys.executable, "-m", "benchmarks.app.operations", str(project.root)]
    functions = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    console.print("The running app in a browser")
    figures = {
        "part": "app",
        "date": now(),
        "note": args.note,
        "command": f"python -m benchmarks.app.run --traces {args.traces}",
        "hardware": hardware(1),
        "versions": versions(),
        "model": "made-up traces",
        "traces": args.traces,
        "project_bytes": sum(path.stat().st_size for path in project.root.rglob("*.duckdb")),
        "made": seconds,
        "functions": functions,
        "browser": measure(project.root),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "app.json").write_text(json.dumps(figures, indent=2) + "\n")
    for table in app_tables(figures):
        table.show(console)


if __name__ == "__main__":
    main()
