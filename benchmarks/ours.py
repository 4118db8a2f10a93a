"""One run of this project's engine by its command line, in a project folder made for it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.inputs import TEMPLATE, Inputs
from benchmarks.measure import ROOT, BenchError, now, run
from benchmarks.outcome import Outcome, Scores

CURATION = [sys.executable, "-m", "curation.cli"]
INFLUENCE = "influence/"


def run_ours(
    bench: Bench, inputs: Inputs, options: list[str], label: str, model: Path | None = None
) -> Outcome:
    """Make a project, bring traces and queries in, and score it; only `score` is measured.

    Args:
        bench: The call.
        inputs: Traces and queries.
        options: Of `curation score`, beside model and project.
        label: Name of the project's folder.
        model: If it is not the benchmark's own.

    Raises:
        BenchError: A command failed, or a trace has no score.
    """
    project = bench.work / "ours" / label
    shutil.rmtree(project, ignore_errors=True)
    for command in (
        ["init", str(project), "--template", TEMPLATE],
        ["ingest", str(project), str(inputs.traces)],
        ["queries", str(project), str(inputs.queries)],
    ):
        ask(command)
    name = str(model or bench.model)
    command = [*CURATION, "score", str(project), "--model", name, *options, "--json"]
    measured = run(command, bench.work / "logs" / f"ours-{label}.log", threads=bench.threads)
    about = sql(project, "SELECT dtype, timings, parameters, stability, coverage, tokens FROM run")[0]
    # The least of what every run says about itself, for the record.
    facts = {"dtype": about["dtype"], "tokens": about["tokens"], "coverage": decoded(about["coverage"])}
    facts["stability"] = decoded(about["stability"])
    shown = bench.shown(command).replace(name, "MODEL")
    scores = influence(project)
    shutil.rmtree(project)
    return Outcome("ours", shown, now(), measured, decoded(about["timings"]), scores, facts)


def influence(project: Path) -> Scores:
    """Group -> influence of each trace, in the order of the input's rows."""
    rows = sql(
        project,
        "SELECT name, value FROM scores JOIN traces USING (trace_id) "
        f"WHERE starts_with(name, '{INFLUENCE}') ORDER BY name, source_row",
    )
    scores: Scores = {}
    for row in rows:
        if row["value"] is None:
            raise BenchError(f"a trace has no {row['name']}")
        scores.setdefault(row["name"].removeprefix(INFLUENCE), []).append(float(row["value"]))
    return scores


def sql(project: Path, query: str) -> list[dict[str, Any]]:
    """The rows that a query of the project gives."""
    rows: list[dict[str, Any]] = json.loads(ask(["sql", str(project), query, "--json"]))
    return rows


def ask(command: list[str]) -> str:
    """Run one of our commands, unmeasured.

    Raises:
        BenchError: It failed.
    """
    done = subprocess.run([*CURATION, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"curation {command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def decoded(value: Any) -> Any:
    """What a column of JSON holds."""
    return json.loads(value) if isinstance(value, str) else value
