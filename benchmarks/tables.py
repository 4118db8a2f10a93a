"""docs/benchmarks.md, written from benchmarks/results/*.json: `python -m benchmarks.tables`."""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.app.report import app_tables
from benchmarks.columns import Table
from benchmarks.figures import RESULTS, TABLES
from benchmarks.measure import ROOT

INTRODUCTION = """\
# Measured: the engine, and the app at a million traces

This page is written by `python -m benchmarks.tables` from the files in `benchmarks/results`; do not edit it. `make bench-engine` runs
the engine's part and writes it anew, `make bench-engine-quick` a 32-trace version of what is short; `make bench-app` the app's.

## How the engines are compared

The traces are the first rows of GSM8K's training set; the queries are as many right as wrong solutions of its test problems, in two groups
(`benchmarks/inputs.py`). Every engine gets the same token ids, the same completions and the same layers: all linear ones but the output head.
Each runs as a process of its own, with the same number of threads; where it was not alone on the machine, the line under a table says so. Seconds, processor seconds (user and system, all threads) and the largest
resident set are those of the whole process, imports and loading included (`benchmarks/measure.py`). Ours is its command line in a fresh
project: `curation score`, which also tokenises and publishes; the others read token ids. Bringing traces in is not counted.

Each figure is of one run. The machine is not quiet, so read ratios and not seconds, and processor seconds before wall time. All engines come from one
call, unless a run says another date in its results file; a compared engine's run is taken again by a later part if its command is the same.

**Defaults** are what each engine does if it is told nothing:

- *curation*: every score (influence by group and by single query, ranks, perplexity, nll, RSR, RDS, gradient norm) and influence by step for ten
  traces at either end of each group; bfloat16 where the processor computes in it; eigenvectors of 16 traces (more where they are short), eigenvalues of at most 256,
  fewer if the two halves of the sample agree (`--stability 0.5`); queries of low rank (`--rank 64`); packed batches of up to 2048 tokens. Figures of commits before
  c27fcd7, as those of this section, are of the defaults until then: steps for 16 traces at either end, eigenvectors of 32.
- *kronfluence* (`benchmarks/peers/kronfluence_run.py`): influence of the two groups alone; float32; factors of all traces; no low rank; each
  group's gradients added up before they are preconditioned, a pass over the traces a group. Two things are not its default: its damping is its
  heuristic of 0.1 times the mean eigenvalue, since 1e-8 would be another score, and traces are sorted by length, which saves it padding. It has no
  default batch; it gets 8.
- *bergson* (`benchmarks/peers/bergson_run.py`): influence of the two groups alone; float32; EK-FAC with factors of all traces; no low rank; the mean of each
  group's gradients preconditioned, a pass over the traces a group; batches of up to 2048 tokens with padding. EK-FAC is not its default method, but
  the one that all three have.

**On equal terms** every engine computes influence alone, in float32, with eigenvectors and eigenvalues of all traces; ours both with
whole queries, as the others have them, and with its low rank. The targets are for the defaults.

Where labels are sampled, each engine draws its own, so two engines agree less than they do with the data's own labels. bergson leaves a trace's
last token out of its covariances and the others count it. Targets are stated with the figures, whether they are met or not.

The bare pass is one forward and one backward to activations over the traces' tokens, in our packed batches, with nothing read
(`benchmarks/bare.py`); "over bare pass" is a whole run against it, in the run's own dtype.
"""

SECTIONS = {
    "defaults": (
        "Defaults",
        "Ours with every score, against the others with influence alone. Ratios are each row's over the first's.",
    ),
    "pass": (
        "The scoring pass",
        "`scoring` is influence on two groups and their single queries, perplexity and embedding; `everything` adds the gradient's norm and "
        "ranks; `stock` is the transformers model, padded, with sdpa and all logits. Medians of passes that took turns.",
    ),
    "agreement": (
        "Low rank and bfloat16",
        "Ours, influence alone, with factors of the same sample. Ratios are each row's over the last row's.",
    ),
    "matched": ("Equal terms", "Ratios are each row's over those of ours with low rank."),
    "scaling": (
        "Growth",
        "Ours with its defaults. The smaller models have the same vocabulary and random weights, which change cost little. The line is fitted to the "
        "totals by tokens; the last row of its table counts as fixed whatever is not the pool's, the factors included, whose sample "
        "grows with the pool up to 256 traces.",
    ),
}


APP = """\
## The app at a million traces

`make bench-app` makes a project of a million traces of about 2 KB in four sources (`benchmarks/app/pool.py`: words drawn evenly, which compress worse than people's; scores, steps, embeddings
and a map drawn at random), and does what a curator does in it twice: by the functions that the pages call (`benchmarks/app/operations.py`), and in the running app with a real browser on the same machine, from the
hand's move to the screen (`benchmarks/app/browser.py`). Medians, and the slowest one. Opening is from nothing by the functions, and in the browser the first visit of a fresh server,
the program's own start included, and a reload. Memory is the largest resident set, of the browser's walk that of the server. What a page needs once for a score, as its histogram, is read at its first threshold.
"""


def page(results: Path) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for part, (title, words) in SECTIONS.items():
        parts.append(f"## {title}\n\n{words}\n")
        whole, quick = (load(results / f"engine-{part}{suffix}.json") for suffix in ("", "-quick"))
        if whole:
            parts += [section(table, whole) for table in TABLES[part](whole)]
        if quick:
            parts.append("The quick version:\n" if whole else "Not run in full; the quick version:\n")
            parts += [section(table, quick) for table in TABLES[part](quick)]
        if not whole and not quick:
            parts.append("Not run.\n")
    parts.append(APP)
    app = load(results / "app.json")
    parts += [section(table, app) for table in app_tables(app)] if app else ["Not run.\n"]
    return "\n".join(parts)


def load(path: Path) -> dict[str, Any] | None:
    """A part's figures, if it was run."""
    return json.loads(path.read_text()) if path.exists() else None


def section(table: Table, found: dict[str, Any]) -> str:
    """A table with what it was measured on."""
    lines = [f"### {table.title}", "", row(table.header), row(["---"] * len(table.header))]
    lines += [row(cells) for cells in table.rows]
    return "\n".join([*lines, "", provenance(found), ""])


def row(cells: list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def provenance(found: dict[str, Any]) -> str:
    """Input, hardware, versions, date and command, in one line."""
    on, versions = found["hardware"], dict(found["versions"])
    for one in found.get("engines", {}).values():
        if version := one.get("facts", {}).get("version"):
            versions[one["engine"]] = version
    words = ", ".join(f"{name} {version}" for name, version in versions.items())
    settings = ", ".join(f"{count:,} {name}" for name, count in found.get("settings", {}).items())
    machine = f"{on['cpu']} ({', '.join(on['instructions'])}), {on['cores_used']} of {on['cores']} cores"
    machine += f", {on['threads']} threads, {on['memory_gb']:g} GB"
    note = f" {found['note']}" if found.get("note") else ""
    return f"<sub>{found['model']}; {settings + '; ' if settings else ''}{machine}; {words}; {found['date']} UTC; `{found['command']}`.{note}</sub>"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="docs/benchmarks.md from the results")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    args = parser.parse_args()
    args.output.write_text(page(args.results), encoding="utf-8")


if __name__ == "__main__":
    main()
